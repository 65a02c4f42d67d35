// Members of consumer groups: each consumes in its own goroutine until it is told to leave.
package main

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"millrace/clients/contract"

	"github.com/IBM/sarama"
)

type member struct {
	group       sarama.ConsumerGroup
	session     sarama.ConsumerGroupSession
	stop        context.CancelFunc
	ended       chan struct{}
	mutex       sync.Mutex
	assigned    []int32
	assignments int
	seen        []contract.Position
}

func addMembers(verbs map[string]contract.Verb) {
	members := map[string]*member{}
	verbs["join"] = func(command *contract.Command) (contract.Result, error) {
		joined, err := join(command)
		members[command.Member] = joined
		return nil, err
	}
	verbs["member"] = func(command *contract.Command) (contract.Result, error) {
		return members[command.Member].status(), nil
	}
	verbs["commit"] = func(command *contract.Command) (contract.Result, error) {
		one := members[command.Member]
		one.mutex.Lock()
		session := one.session
		one.mutex.Unlock()
		session.Commit()
		return one.status(), nil
	}
	verbs["leave"] = func(command *contract.Command) (contract.Result, error) {
		one := members[command.Member]
		delete(members, command.Member)
		one.stop()
		<-one.ended
		return one.status(), one.group.Close()
	}
}

func join(command *contract.Command) (*member, error) {
	config := sarama.NewConfig()
	config.ClientID = command.Member
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Consumer.Offsets.AutoCommit.Enable = false
	config.Consumer.Group.Heartbeat.Interval = 300 * time.Millisecond
	config.Consumer.Group.InstanceId = command.InstanceID
	group, err := sarama.NewConsumerGroup(bootstrap, command.Group, config)
	if err != nil {
		return nil, err
	}
	running, stop := context.WithCancel(context.Background())
	one := &member{group: group, stop: stop, ended: make(chan struct{}), assigned: []int32{}, seen: []contract.Position{}}
	go one.run(running, command.Topic)
	return one, nil
}

func (one *member) run(running context.Context, topic string) {
	defer close(one.ended)
	for running.Err() == nil {
		if err := one.group.Consume(running, []string{topic}, one); err != nil {
			fmt.Fprintln(os.Stderr, "consume:", err)
		}
	}
}

// Setup is called by Sarama when a session begins.
func (one *member) Setup(session sarama.ConsumerGroupSession) error {
	one.mutex.Lock()
	defer one.mutex.Unlock()
	one.assignments++
	one.session = session
	one.assigned = []int32{}
	for _, partitions := range session.Claims() {
		one.assigned = append(one.assigned, partitions...)
	}
	return nil
}

// Cleanup is called by Sarama when all claims of a session have ended.
func (one *member) Cleanup(session sarama.ConsumerGroupSession) error {
	session.Commit()
	one.mutex.Lock()
	defer one.mutex.Unlock()
	one.assigned = []int32{}
	return nil
}

// ConsumeClaim is called by Sarama for each partition.
func (one *member) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for message := range claim.Messages() {
		one.mutex.Lock()
		one.seen = append(one.seen, contract.Position{int64(message.Partition), message.Offset})
		session.MarkMessage(message, "")
		one.mutex.Unlock()
	}
	return nil
}

func (one *member) status() contract.Result {
	one.mutex.Lock()
	defer one.mutex.Unlock()
	return contract.Result{"assigned": one.assigned, "assignments": one.assignments, "seen": one.seen}
}
