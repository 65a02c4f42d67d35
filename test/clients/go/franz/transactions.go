package main

import (
	"context"
	"time"

	"millrace/clients/contract"

	"github.com/twmb/franz-go/pkg/kgo"
)

func transact(command *contract.Command) (contract.Result, error) {
	session, err := kgo.NewGroupTransactSession(
		kgo.SeedBrokers(bootstrap),
		kgo.MetadataMinAge(100*time.Millisecond),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.TransactionalID(command.TransactionalID),
		kgo.ConsumerGroup(command.Group),
		kgo.ConsumeTopics(command.Topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.RequireStableFetchOffsets(),
	)
	if err != nil {
		return nil, err
	}
	defer session.Close()
	deadline, cancel := context.WithTimeout(context.Background(), time.Duration(command.TimeoutMs)*time.Millisecond)
	defer cancel()
	if err := session.Begin(); err != nil {
		return nil, err
	}
	seen := []contract.Position{}
	for len(seen) < command.Count && deadline.Err() == nil {
		fetches := session.PollFetches(deadline)
		if err := fetches.Err(); err != nil && deadline.Err() == nil {
			return nil, err
		}
		fetches.EachRecord(func(record *kgo.Record) {
			seen = append(seen, contract.Position{int64(record.Partition), record.Offset})
			written := &kgo.Record{Topic: command.Into, Partition: record.Partition, Key: record.Key, Value: record.Value}
			session.Produce(deadline, written, nil)
		})
	}
	if err := session.Client().Flush(deadline); err != nil {
		return nil, err
	}
	if _, err := session.End(deadline, command.Ends == "commit"); err != nil {
		return nil, err
	}
	return contract.Result{"seen": seen}, nil
}
