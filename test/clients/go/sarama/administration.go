// Topics, configs and groups through Sarama's cluster admin.
package main

import (
	"errors"

	"millrace/clients/contract"

	"github.com/IBM/sarama"
)

func administered(do func(sarama.ClusterAdmin, *contract.Command) (contract.Result, error)) contract.Verb {
	return func(command *contract.Command) (contract.Result, error) {
		admin, err := sarama.NewClusterAdmin(bootstrap, sarama.NewConfig())
		if err != nil {
			return nil, err
		}
		defer admin.Close()
		return do(admin, command)
	}
}

func addAdministration(verbs map[string]contract.Verb) {
	verbs["createTopic"] = administered(createTopic)
	verbs["describeTopic"] = administered(describeTopic)
	verbs["deleteTopic"] = administered(func(admin sarama.ClusterAdmin, command *contract.Command) (contract.Result, error) {
		return nil, admin.DeleteTopic(command.Topic)
	})
	verbs["describeConfig"] = administered(describeConfig)
	verbs["alterConfig"] = administered(alterConfig)
	verbs["createPartitions"] = administered(func(admin sarama.ClusterAdmin, command *contract.Command) (contract.Result, error) {
		return nil, admin.CreatePartitions(command.Topic, int32(command.Total), nil, false)
	})
	verbs["deleteRecords"] = administered(func(admin sarama.ClusterAdmin, command *contract.Command) (contract.Result, error) {
		return nil, admin.DeleteRecords(command.Topic, map[int32]int64{command.Partition: command.Before})
	})
	verbs["listGroups"] = administered(listGroups)
	verbs["describeGroup"] = administered(describeGroup)
	verbs["deleteGroup"] = administered(func(admin sarama.ClusterAdmin, command *contract.Command) (contract.Result, error) {
		return nil, admin.DeleteConsumerGroup(command.Group)
	})
}

func createTopic(admin sarama.ClusterAdmin, command *contract.Command) (contract.Result, error) {
	count, err := command.PartitionCount()
	if err != nil {
		return nil, err
	}
	configs := map[string]*string{}
	for name, value := range command.Configs {
		configs[name] = &value
	}
	detail := &sarama.TopicDetail{NumPartitions: count, ReplicationFactor: 1, ConfigEntries: configs}
	return nil, admin.CreateTopic(command.Topic, detail, false)
}

func describeTopic(admin sarama.ClusterAdmin, command *contract.Command) (contract.Result, error) {
	topics, err := admin.DescribeTopics([]string{command.Topic})
	if err != nil {
		return nil, err
	}
	if topics[0].Err != sarama.ErrNoError {
		return nil, topics[0].Err
	}
	leaders := []contract.Position{}
	for _, partition := range topics[0].Partitions {
		leaders = append(leaders, contract.Position{int64(partition.ID), int64(partition.Leader)})
	}
	return contract.Result{"leaders": leaders}, nil
}

func describeConfig(admin sarama.ClusterAdmin, command *contract.Command) (contract.Result, error) {
	entries, err := admin.DescribeConfig(sarama.ConfigResource{Type: sarama.TopicResource, Name: command.Topic})
	configs := map[string]string{}
	for _, entry := range entries {
		configs[entry.Name] = entry.Value
	}
	return contract.Result{"configs": configs}, err
}

func alterConfig(admin sarama.ClusterAdmin, command *contract.Command) (contract.Result, error) {
	entries := map[string]sarama.IncrementalAlterConfigsEntry{}
	for name, value := range command.Configs {
		entries[name] = sarama.IncrementalAlterConfigsEntry{Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &value}
	}
	return nil, admin.IncrementalAlterConfig(sarama.TopicResource, command.Topic, entries, false)
}

func listGroups(admin sarama.ClusterAdmin, _ *contract.Command) (contract.Result, error) {
	listed, err := admin.ListConsumerGroups()
	groups := []string{}
	for group := range listed {
		groups = append(groups, group)
	}
	return contract.Result{"groups": groups}, err
}

func describeGroup(admin sarama.ClusterAdmin, command *contract.Command) (contract.Result, error) {
	groups, err := admin.DescribeConsumerGroups([]string{command.Group})
	if err != nil {
		return nil, err
	}
	if len(groups) != 1 {
		return nil, errors.New("not described")
	}
	if groups[0].Err != sarama.ErrNoError {
		return nil, groups[0].Err
	}
	return contract.Result{"state": groups[0].State, "members": len(groups[0].Members)}, nil
}
