// Topics, configs and groups through kadm.
package main

import (
	"context"
	"time"

	"millrace/clients/contract"

	"github.com/twmb/franz-go/pkg/kadm"
)

// administered makes a verb of what one admin client does.
func administered(do func(context.Context, *kadm.Client, *contract.Command) (contract.Result, error)) contract.Verb {
	return func(command *contract.Command) (contract.Result, error) {
		client, err := newClient()
		if err != nil {
			return nil, err
		}
		defer client.Close()
		deadline, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		return do(deadline, kadm.NewClient(client), command)
	}
}

func offsetsForTime(command *contract.Command) (contract.Result, error) {
	return administered(func(ctx context.Context, admin *kadm.Client, command *contract.Command) (contract.Result, error) {
		listed, err := admin.ListOffsetsAfterMilli(ctx, *command.Timestamp, command.Topic)
		if err != nil {
			return nil, err
		}
		positions := []contract.Position{}
		for _, offset := range listed[command.Topic] {
			if offset.Err != nil {
				return nil, offset.Err
			}
			// kadm answers with the end offset where no record is that young, and no timestamp.
			at := offset.Offset
			if offset.Timestamp == -1 {
				at = -1
			}
			positions = append(positions, contract.Position{int64(offset.Partition), at})
		}
		return contract.Result{"positions": positions}, nil
	})(command)
}

func addAdministration(verbs map[string]contract.Verb) {
	verbs["createTopic"] = administered(createTopic)
	verbs["describeTopic"] = administered(describeTopic)
	verbs["deleteTopic"] = administered(deleteTopic)
	verbs["describeConfig"] = administered(describeConfig)
	verbs["alterConfig"] = administered(alterConfig)
	verbs["createPartitions"] = administered(createPartitions)
	verbs["deleteRecords"] = administered(deleteRecords)
	verbs["listGroups"] = administered(listGroups)
	verbs["describeGroup"] = administered(describeGroup)
	verbs["deleteGroup"] = administered(deleteGroup)
}

func createTopic(ctx context.Context, admin *kadm.Client, command *contract.Command) (contract.Result, error) {
	count, err := command.PartitionCount()
	if err != nil {
		return nil, err
	}
	configs := map[string]*string{}
	for name, value := range command.Configs {
		configs[name] = kadm.StringPtr(value)
	}
	_, err = admin.CreateTopic(ctx, count, 1, configs, command.Topic)
	return nil, err
}

func describeTopic(ctx context.Context, admin *kadm.Client, command *contract.Command) (contract.Result, error) {
	topics, err := admin.ListTopics(ctx, command.Topic)
	if err != nil {
		return nil, err
	}
	topic := topics[command.Topic]
	leaders := []contract.Position{}
	for _, partition := range topic.Partitions.Sorted() {
		leaders = append(leaders, contract.Position{int64(partition.Partition), int64(partition.Leader)})
	}
	return contract.Result{"leaders": leaders}, topic.Err
}

func deleteTopic(ctx context.Context, admin *kadm.Client, command *contract.Command) (contract.Result, error) {
	response, err := admin.DeleteTopic(ctx, command.Topic)
	if err == nil {
		err = response.Err
	}
	return nil, err
}

func describeConfig(ctx context.Context, admin *kadm.Client, command *contract.Command) (contract.Result, error) {
	described, err := admin.DescribeTopicConfigs(ctx, command.Topic)
	if err != nil {
		return nil, err
	}
	resource, err := described.On(command.Topic, nil)
	configs := map[string]*string{}
	for _, config := range resource.Configs {
		configs[config.Key] = config.Value
	}
	if err == nil {
		err = resource.Err
	}
	return contract.Result{"configs": configs}, err
}

func alterConfig(ctx context.Context, admin *kadm.Client, command *contract.Command) (contract.Result, error) {
	var changes []kadm.AlterConfig
	for name, value := range command.Configs {
		changes = append(changes, kadm.AlterConfig{Op: kadm.SetConfig, Name: name, Value: kadm.StringPtr(value)})
	}
	responses, err := admin.AlterTopicConfigs(ctx, changes, command.Topic)
	if err == nil {
		_, err = responses.On(command.Topic, func(response *kadm.AlterConfigsResponse) error { return response.Err })
	}
	return nil, err
}

func createPartitions(ctx context.Context, admin *kadm.Client, command *contract.Command) (contract.Result, error) {
	responses, err := admin.UpdatePartitions(ctx, command.Total, command.Topic)
	if err == nil {
		err = responses.Error()
	}
	return nil, err
}

func deleteRecords(ctx context.Context, admin *kadm.Client, command *contract.Command) (contract.Result, error) {
	before := kadm.Offsets{}
	before.Add(kadm.Offset{Topic: command.Topic, Partition: command.Partition, At: command.Before, LeaderEpoch: -1})
	responses, err := admin.DeleteRecords(ctx, before)
	if err == nil {
		err = responses.Error()
	}
	return nil, err
}

func listGroups(ctx context.Context, admin *kadm.Client, _ *contract.Command) (contract.Result, error) {
	groups, err := admin.ListGroups(ctx)
	return contract.Result{"groups": groups.Groups()}, err
}

func describeGroup(ctx context.Context, admin *kadm.Client, command *contract.Command) (contract.Result, error) {
	groups, err := admin.DescribeGroups(ctx, command.Group)
	if err != nil {
		return nil, err
	}
	group := groups[command.Group]
	return contract.Result{"state": group.State, "members": len(group.Members)}, group.Err
}

func deleteGroup(ctx context.Context, admin *kadm.Client, command *contract.Command) (contract.Result, error) {
	response, err := admin.DeleteGroup(ctx, command.Group)
	if err == nil {
		err = response.Err
	}
	return nil, err
}
