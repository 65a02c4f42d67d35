package main

import (
	"context"
	"time"

	"millrace/clients/contract"

	"github.com/IBM/sarama"
)

// transaction is a member of a group that reads until it has enough, writes and ends.
type transaction struct {
	command  *contract.Command
	producer sarama.AsyncProducer
	stop     context.CancelFunc
	seen     []contract.Position
	err      error
}

func transact(command *contract.Command) (contract.Result, error) {
	config := sarama.NewConfig()
	config.Version = sarama.V2_8_0_0
	config.Producer.Idempotent = true
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Producer.Return.Errors = false
	config.Producer.Partitioner = sarama.NewManualPartitioner
	config.Producer.Transaction.ID = command.TransactionalID
	config.Net.MaxOpenRequests = 1
	config.Consumer.IsolationLevel = sarama.ReadCommitted
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Consumer.Offsets.AutoCommit.Enable = false
	producer, err := sarama.NewAsyncProducer(bootstrap, config)
	if err != nil {
		return nil, err
	}
	defer producer.Close()
	group, err := sarama.NewConsumerGroup(bootstrap, command.Group, config)
	if err != nil {
		return nil, err
	}
	defer group.Close()
	deadline, stop := context.WithTimeout(context.Background(), time.Duration(command.TimeoutMs)*time.Millisecond)
	defer stop()
	running := &transaction{command: command, producer: producer, stop: stop, seen: []contract.Position{}}
	if err := group.Consume(deadline, []string{command.Topic}, running); err != nil {
		return nil, err
	}
	return contract.Result{"seen": running.seen}, running.err
}

func (t *transaction) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (t *transaction) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (t *transaction) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	defer t.stop()
	t.err = t.run(session, claim)
	return t.err
}

func (t *transaction) run(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	if err := t.producer.BeginTxn(); err != nil {
		return err
	}
	for len(t.seen) < t.command.Count {
		select {
		case <-session.Context().Done():
			return session.Context().Err()
		case message := <-claim.Messages():
			t.seen = append(t.seen, contract.Position{int64(message.Partition), message.Offset})
			t.producer.Input() <- toMessage(t.command.Into, fromMessage(message))
			if err := t.producer.AddMessageToTxn(message, t.command.Group, nil); err != nil {
				return err
			}
		}
	}
	if t.command.Ends == "commit" {
		return t.producer.CommitTxn()
	}
	return t.producer.AbortTxn()
}
