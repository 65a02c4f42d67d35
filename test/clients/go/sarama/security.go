package main

import (
	"crypto/sha512"

	"millrace/clients/contract"

	"github.com/IBM/sarama"
	"github.com/xdg-go/scram"
)

func newConfig() (*sarama.Config, error) {
	config := sarama.NewConfig()
	security, err := contract.ReadSecurity()
	if err != nil || security == nil {
		return config, err
	}
	config.Net.TLS.Enable = true
	if config.Net.TLS.Config, err = security.TLS(); err != nil {
		return nil, err
	}
	if security.Mechanism != "" {
		config.Net.SASL.Enable = true
		config.Net.SASL.Mechanism = sarama.SASLMechanism(security.Mechanism)
		config.Net.SASL.User = security.User
		config.Net.SASL.Password = security.Password
		config.Net.SASL.SCRAMClientGeneratorFunc = func() sarama.SCRAMClient { return &scramClient{} }
	}
	return config, nil
}

// Sarama leaves SCRAM itself to whoever uses it.
type scramClient struct{ conversation *scram.ClientConversation }

func (c *scramClient) Begin(user, password, authzID string) error {
	client, err := scram.HashGeneratorFcn(sha512.New).NewClient(user, password, authzID)
	if err != nil {
		return err
	}
	c.conversation = client.NewConversation()
	return nil
}

func (c *scramClient) Step(challenge string) (string, error) { return c.conversation.Step(challenge) }

func (c *scramClient) Done() bool { return c.conversation.Done() }
