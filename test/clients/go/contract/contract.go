// Package contract reads commands as JSON lines and answers each with one JSON line, for both Go
// clients. The contract is test/clients/README.md. Nothing is judged here: every check is made by
// the runner.
package contract

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"
)

// Command holds the arguments of every verb; bytes travel as base64 or null.
type Command struct {
	ID          int               `json:"id"`
	Verb        string            `json:"verb"`
	Topic       string            `json:"topic"`
	ClientID    string            `json:"clientId"`
	Compression string            `json:"compression"`
	Idempotent  *bool             `json:"idempotent"`
	Records     []Record          `json:"records"`
	Partitions  json.RawMessage   `json:"partitions"`
	Timestamp   *int64            `json:"timestamp"`
	Count       int               `json:"count"`
	TimeoutMs   int               `json:"timeoutMs"`
	Member      string            `json:"member"`
	Group       string            `json:"group"`
	InstanceID  string            `json:"instanceId"`
	Pattern     string            `json:"pattern"`
	Configs     map[string]string `json:"configs"`
	Total       int               `json:"total"`
	Partition   int32             `json:"partition"`
	Before      int64             `json:"before"`
	Into        string            `json:"into"`
	Ends        string            `json:"ends"`

	TransactionalID string `json:"transactionalId"`
}

// Record is one record; nil is null for keys, values and the values of headers.
type Record struct {
	Partition int32    `json:"partition"`
	Offset    int64    `json:"offset"`
	Timestamp int64    `json:"timestamp"`
	Key       []byte   `json:"key"`
	Value     []byte   `json:"value"`
	Headers   []Header `json:"headers"`
}

// Header travels as a pair of name and value.
type Header struct {
	Name  string
	Value []byte
}

// Position is a partition and an offset in it.
type Position [2]int64

// Result is what a verb answers.
type Result map[string]any

// Verb does what one command asks.
type Verb func(*Command) (Result, error)

// MarshalJSON writes the pair.
func (h Header) MarshalJSON() ([]byte, error) {
	return json.Marshal([]any{h.Name, h.Value})
}

// UnmarshalJSON reads the pair.
func (h *Header) UnmarshalJSON(bytes []byte) error {
	var pair [2]json.RawMessage
	if err := json.Unmarshal(bytes, &pair); err != nil {
		return err
	}
	if err := json.Unmarshal(pair[0], &h.Name); err != nil {
		return err
	}
	return json.Unmarshal(pair[1], &h.Value)
}

// PartitionList is the argument `partitions` where it lists partitions.
func (c *Command) PartitionList() (list []int32, err error) {
	err = json.Unmarshal(c.Partitions, &list)
	return list, err
}

// PartitionCount is the argument `partitions` where it is a number.
func (c *Command) PartitionCount() (count int32, err error) {
	err = json.Unmarshal(c.Partitions, &count)
	return count, err
}

// Serve answers commands until standard input ends.
func Serve(verbs map[string]Verb) {
	in := bufio.NewReader(os.Stdin)
	out := json.NewEncoder(os.Stdout)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		var command Command
		if err := json.Unmarshal(line, &command); err != nil {
			fmt.Fprintln(os.Stderr, "not a command:", err)
			os.Exit(2)
		}
		answer := map[string]any{"id": command.ID}
		if verb, isKnown := verbs[command.Verb]; !isKnown {
			answer["unsupported"] = "no such verb"
		} else if result, err := verb(&command); err != nil {
			answer["error"] = err.Error()
		} else if result == nil {
			answer["result"] = Result{}
		} else {
			answer["result"] = result
		}
		if err := out.Encode(answer); err != nil {
			fmt.Fprintln(os.Stderr, "cannot answer:", err)
			os.Exit(1)
		}
	}
}

// Version is the version of a module that this program was built with.
func Version(module string) string {
	info, _ := debug.ReadBuildInfo()
	for _, dependency := range info.Deps {
		if dependency.Path == module {
			return dependency.Version
		}
	}
	return ""
}
