// The driver of Sarama. Its protocol versions follow its configured version of Kafka rather than
// what the broker offers; the default is kept, as in a program that says nothing.
package main

import (
	"errors"
	"os"
	"time"

	"millrace/clients/contract"

	"github.com/IBM/sarama"
)

var bootstrap = []string{os.Args[1]}

var codecs = map[string]sarama.CompressionCodec{
	"":       sarama.CompressionNone,
	"none":   sarama.CompressionNone,
	"gzip":   sarama.CompressionGZIP,
	"snappy": sarama.CompressionSnappy,
	"lz4":    sarama.CompressionLZ4,
	"zstd":   sarama.CompressionZSTD,
}

func main() {
	verbs := map[string]contract.Verb{
		"hello": func(*contract.Command) (contract.Result, error) {
			return contract.Result{"version": contract.Version("github.com/IBM/sarama")}, nil
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

func produce(command *contract.Command) (contract.Result, error) {
	config, err := newConfig()
	if err != nil {
		return nil, err
	}
	config.ClientID = command.ClientID
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Producer.Return.Successes = true
	config.Producer.Partitioner = sarama.NewManualPartitioner
	config.Producer.Compression = codecs[command.Compression]
	if command.Idempotent != nil && *command.Idempotent {
		config.Producer.Idempotent = true
		config.Net.MaxOpenRequests = 1
	}
	producer, err := sarama.NewSyncProducer(bootstrap, config)
	if err != nil {
		return nil, err
	}
	defer producer.Close()
	var messages []*sarama.ProducerMessage
	for _, record := range command.Records {
		messages = append(messages, toMessage(command.Topic, record))
	}
	if err := producer.SendMessages(messages); err != nil {
		var failed sarama.ProducerErrors
		if errors.As(err, &failed) {
			return nil, failed[0].Err
		}
		return nil, err
	}
	positions := []contract.Position{}
	for _, message := range messages {
		positions = append(positions, contract.Position{int64(message.Partition), message.Offset})
	}
	return contract.Result{"positions": positions}, nil
}

func toMessage(topic string, record contract.Record) *sarama.ProducerMessage {
	message := &sarama.ProducerMessage{Topic: topic, Partition: record.Partition}
	if record.Key != nil {
		message.Key = sarama.ByteEncoder(record.Key)
	}
	if record.Value != nil {
		message.Value = sarama.ByteEncoder(record.Value)
	}
	if record.Timestamp != 0 {
		message.Timestamp = time.UnixMilli(record.Timestamp)
	}
	for _, header := range record.Headers {
		message.Headers = append(message.Headers, sarama.RecordHeader{Key: []byte(header.Name), Value: header.Value})
	}
	return message
}

func fromMessage(message *sarama.ConsumerMessage) contract.Record {
	headers := []contract.Header{}
	for _, header := range message.Headers {
		headers = append(headers, contract.Header{Name: string(header.Key), Value: header.Value})
	}
	return contract.Record{
		Partition: message.Partition,
		Offset:    message.Offset,
		Timestamp: message.Timestamp.UnixMilli(),
		Key:       message.Key,
		Value:     message.Value,
		Headers:   headers,
	}
}

func read(command *contract.Command) (contract.Result, error) {
	partitions, err := command.PartitionList()
	if err != nil {
		return nil, err
	}
	config, err := newConfig()
	if err != nil {
		return nil, err
	}
	config.Consumer.MaxWaitTime = 100 * time.Millisecond
	config.Consumer.Return.Errors = true
	client, err := sarama.NewClient(bootstrap, config)
	if err != nil {
		return nil, err
	}
	consumer, err := sarama.NewConsumerFromClient(client)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	defer consumer.Close()
	messages := make(chan *sarama.ConsumerMessage)
	failures := make(chan *sarama.ConsumerError)
	ended := make(chan struct{})
	defer close(ended)
	for _, partition := range partitions {
		from := sarama.OffsetOldest
		if command.Timestamp != nil {
			if from, err = client.GetOffset(command.Topic, partition, *command.Timestamp); err != nil {
				return nil, err
			}
		}
		reader, err := consumer.ConsumePartition(command.Topic, partition, from)
		if err != nil {
			return nil, err
		}
		defer reader.AsyncClose()
		go forward(reader.Messages(), messages, ended)
		go forward(reader.Errors(), failures, ended)
	}
	records := []contract.Record{}
	timeout := time.After(time.Duration(command.TimeoutMs) * time.Millisecond)
	for len(records) < command.Count {
		select {
		case message := <-messages:
			records = append(records, fromMessage(message))
		case failure := <-failures:
			return nil, failure
		case <-timeout:
			return contract.Result{"records": records}, nil
		}
	}
	return contract.Result{"records": records}, nil
}

func forward[Item any](from <-chan *Item, to chan<- *Item, ended <-chan struct{}) {
	for item := range from {
		select {
		case to <- item:
		case <-ended:
			return
		}
	}
}

func offsetsForTime(command *contract.Command) (contract.Result, error) {
	partitions, err := command.PartitionList()
	if err != nil {
		return nil, err
	}
	client, err := sarama.NewClient(bootstrap, sarama.NewConfig())
	if err != nil {
		return nil, err
	}
	defer client.Close()
	positions := []contract.Position{}
	for _, partition := range partitions {
		offset, err := client.GetOffset(command.Topic, partition, *command.Timestamp)
		if err != nil {
			return nil, err
		}
		positions = append(positions, contract.Position{int64(partition), offset})
	}
	return contract.Result{"positions": positions}, nil
}
