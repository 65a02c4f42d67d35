// The driver of franz-go: kgo for records and groups, kadm for administration.
package main

import (
	"context"
	"os"
	"time"

	"millrace/clients/contract"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

var bootstrap = os.Args[1]

var codecs = map[string]kgo.CompressionCodec{
	"none":   kgo.NoCompression(),
	"gzip":   kgo.GzipCompression(),
	"snappy": kgo.SnappyCompression(),
	"lz4":    kgo.Lz4Compression(),
	"zstd":   kgo.ZstdCompression(),
}

func main() {
	verbs := map[string]contract.Verb{
		"hello": func(*contract.Command) (contract.Result, error) {
			return contract.Result{"version": contract.Version("github.com/twmb/franz-go")}, nil
		},
		"produce":        produce,
		"read":           read,
		"offsetsForTime": offsetsForTime,
		"transact":       transact,
	}
	addMembers(verbs)
	addAdministration(verbs)
	contract.Serve(verbs)
}

func newClient(options ...kgo.Opt) (*kgo.Client, error) {
	options = append(options, kgo.SeedBrokers(bootstrap), kgo.MetadataMinAge(100*time.Millisecond))
	security, err := contract.ReadSecurity()
	if err != nil {
		return nil, err
	}
	if security != nil {
		protection, err := protect(security)
		if err != nil {
			return nil, err
		}
		options = append(options, protection...)
	}
	return kgo.NewClient(options...)
}

func protect(security *contract.Security) ([]kgo.Opt, error) {
	config, err := security.TLS()
	if err != nil {
		return nil, err
	}
	options := []kgo.Opt{kgo.DialTLSConfig(config)}
	switch security.Mechanism {
	case "PLAIN":
		user := plain.Auth{User: security.User, Pass: security.Password}
		options = append(options, kgo.SASL(user.AsMechanism()))
	case "SCRAM-SHA-512":
		user := scram.Auth{User: security.User, Pass: security.Password}
		options = append(options, kgo.SASL(user.AsSha512Mechanism()))
	}
	return options, nil
}

func produce(command *contract.Command) (contract.Result, error) {
	options := []kgo.Opt{
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ClientID(command.ClientID),
		kgo.AllowAutoTopicCreation(),
		kgo.ProducerLinger(20 * time.Millisecond),
	}
	if command.Compression != "" {
		options = append(options, kgo.ProducerBatchCompression(codecs[command.Compression]))
	}
	if command.Idempotent != nil && !*command.Idempotent {
		options = append(options, kgo.DisableIdempotentWrite())
	}
	client, err := newClient(options...)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	var records []*kgo.Record
	for _, record := range command.Records {
		records = append(records, toRecord(command.Topic, record))
	}
	results := client.ProduceSync(context.Background(), records...)
	if err := results.FirstErr(); err != nil {
		return nil, err
	}
	positions := []contract.Position{}
	for _, record := range records {
		positions = append(positions, contract.Position{int64(record.Partition), record.Offset})
	}
	return contract.Result{"positions": positions}, nil
}

func toRecord(topic string, record contract.Record) *kgo.Record {
	to := &kgo.Record{Topic: topic, Partition: record.Partition, Key: record.Key, Value: record.Value}
	if record.Timestamp != 0 {
		to.Timestamp = time.UnixMilli(record.Timestamp)
	}
	for _, header := range record.Headers {
		to.Headers = append(to.Headers, kgo.RecordHeader{Key: header.Name, Value: header.Value})
	}
	return to
}

func fromRecord(record *kgo.Record) contract.Record {
	headers := []contract.Header{}
	for _, header := range record.Headers {
		headers = append(headers, contract.Header{Name: header.Key, Value: header.Value})
	}
	return contract.Record{
		Partition: record.Partition,
		Offset:    record.Offset,
		Timestamp: record.Timestamp.UnixMilli(),
		Key:       record.Key,
		Value:     record.Value,
		Headers:   headers,
	}
}

func read(command *contract.Command) (contract.Result, error) {
	partitions, err := command.PartitionList()
	if err != nil {
		return nil, err
	}
	from := kgo.NewOffset().AtStart()
	if command.Timestamp != nil {
		from = kgo.NewOffset().AfterMilli(*command.Timestamp)
	}
	offsets := map[int32]kgo.Offset{}
	for _, partition := range partitions {
		offsets[partition] = from
	}
	client, err := newClient(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{command.Topic: offsets}))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	deadline, cancel := context.WithTimeout(context.Background(), time.Duration(command.TimeoutMs)*time.Millisecond)
	defer cancel()
	records := []contract.Record{}
	for len(records) < command.Count && deadline.Err() == nil {
		fetches := client.PollFetches(deadline)
		if err := fetches.Err(); err != nil && deadline.Err() == nil {
			return nil, err
		}
		fetches.EachRecord(func(record *kgo.Record) { records = append(records, fromRecord(record)) })
	}
	return contract.Result{"records": records}, nil
}
