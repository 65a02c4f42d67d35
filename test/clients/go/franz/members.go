// Members of consumer groups: each polls in its own goroutine until it is told to leave.
package main

import (
	"context"
	"sync"
	"time"

	"millrace/clients/contract"

	"github.com/twmb/franz-go/pkg/kgo"
)

type member struct {
	client      *kgo.Client
	stop        context.CancelFunc
	ended       chan struct{}
	mutex       sync.Mutex
	assigned    map[int32]bool
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
	verbs["joinConsumerGroup"] = func(command *contract.Command) (contract.Result, error) {
		// franz-go keeps the new protocol behind this flag.
		next := context.WithValue(context.Background(), "opt_in_kafka_next_gen_balancer_beta", true)
		topics := []kgo.Opt{kgo.WithContext(next), kgo.Balancers(kgo.RangeBalancer())}
		if command.Pattern != "" {
			topics = append(topics, kgo.ConsumeTopics(command.Pattern), kgo.ConsumeRegex())
		}
		joined, err := join(command, topics...)
		members[command.Member] = joined
		return nil, err
	}
	verbs["member"] = func(command *contract.Command) (contract.Result, error) {
		return members[command.Member].status(), nil
	}
	verbs["commit"] = func(command *contract.Command) (contract.Result, error) {
		one := members[command.Member]
		err := one.client.CommitUncommittedOffsets(context.Background())
		return one.status(), err
	}
	verbs["leave"] = func(command *contract.Command) (contract.Result, error) {
		one := members[command.Member]
		delete(members, command.Member)
		one.stop()
		<-one.ended
		status := one.status()
		one.client.Close()
		return status, nil
	}
}

func join(command *contract.Command, more ...kgo.Opt) (*member, error) {
	one := &member{ended: make(chan struct{}), assigned: map[int32]bool{}, seen: []contract.Position{}}
	options := []kgo.Opt{
		kgo.ClientID(command.Member),
		kgo.ConsumerGroup(command.Group),
		kgo.ConsumeTopics(command.Topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.HeartbeatInterval(300 * time.Millisecond),
		kgo.DisableAutoCommit(),
		kgo.BlockRebalanceOnPoll(),
		kgo.OnPartitionsAssigned(one.onAssigned),
		kgo.OnPartitionsRevoked(one.onRevoked),
		kgo.OnPartitionsLost(one.onLost),
	}
	if command.InstanceID != "" {
		// The default balancer puts what a member owns into its subscription, and a group that has
		// Kafka's rules is rebalanced when a member comes back with another subscription.
		options = append(options, kgo.InstanceID(command.InstanceID), kgo.Balancers(kgo.RangeBalancer()))
	}
	client, err := newClient(append(options, more...)...)
	if err != nil {
		return nil, err
	}
	one.client = client
	running, stop := context.WithCancel(context.Background())
	one.stop = stop
	go one.run(running)
	return one, nil
}

func (one *member) run(running context.Context) {
	defer close(one.ended)
	for running.Err() == nil {
		fetches := one.client.PollFetches(running)
		one.mutex.Lock()
		fetches.EachRecord(func(record *kgo.Record) {
			one.seen = append(one.seen, contract.Position{int64(record.Partition), record.Offset})
		})
		one.mutex.Unlock()
		one.client.AllowRebalance()
	}
}

func (one *member) onAssigned(_ context.Context, _ *kgo.Client, added map[string][]int32) {
	one.mutex.Lock()
	defer one.mutex.Unlock()
	one.assignments++
	for _, partitions := range added {
		for _, partition := range partitions {
			one.assigned[partition] = true
		}
	}
}

func (one *member) onRevoked(ctx context.Context, client *kgo.Client, revoked map[string][]int32) {
	_ = client.CommitUncommittedOffsets(ctx)
	one.onLost(ctx, client, revoked)
}

func (one *member) onLost(_ context.Context, _ *kgo.Client, lost map[string][]int32) {
	one.mutex.Lock()
	defer one.mutex.Unlock()
	for _, partitions := range lost {
		for _, partition := range partitions {
			delete(one.assigned, partition)
		}
	}
}

func (one *member) status() contract.Result {
	one.mutex.Lock()
	defer one.mutex.Unlock()
	assigned := []int32{}
	for partition := range one.assigned {
		assigned = append(assigned, partition)
	}
	return contract.Result{"assigned": assigned, "assignments": one.assignments, "seen": one.seen}
}
