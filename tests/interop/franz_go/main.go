// What franz-go does with a broker: interop WORK ADDRESS TOPIC [COUNT]. What came of it is printed as JSON.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

var codecs = map[string]kgo.CompressionCodec{
	"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
	"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
}

func client(options ...kgo.Opt) *kgo.Client {
	made, err := kgo.NewClient(append(options, kgo.SeedBrokers(os.Args[2]))...)
	must(err)
	return made
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func number() int {
	count, err := strconv.Atoi(os.Args[4])
	must(err)
	return count
}

// produce sends as many messages with each codec, as an idempotent producer, and returns their first offsets.
func produce(ctx context.Context, topic string) any {
	first := map[string]int64{}
	for name, codec := range codecs {
		producer := client(
			kgo.ProducerBatchCompression(codec), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.AllowAutoTopicCreation(),
		)
		records := make([]*kgo.Record, number())
		for index := range records {
			trace := kgo.RecordHeader{Key: "trace", Value: []byte(name)}
			records[index] = &kgo.Record{
				Topic: topic, Key: []byte(strconv.Itoa(index % 7)), Value: fmt.Appendf(nil, "message %d", index),
				Headers: []kgo.RecordHeader{trace},
			}
		}
		must(producer.ProduceSync(ctx, records...).FirstErr())
		first[name] = records[0].Offset
		producer.Close()
	}
	return first
}

// consume joins a group, takes so many messages, commits them and leaves.
func consume(ctx context.Context, topic string) any {
	source := client(
		kgo.ConsumerGroup(topic), kgo.ConsumeTopics(topic), kgo.FetchMaxWait(100*time.Millisecond),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit(),
	)
	found := [][]any{}
	for len(found) < number() {
		fetches := source.PollRecords(ctx, number()-len(found))
		must(fetches.Err())
		for _, record := range fetches.Records() {
			header := string(record.Headers[0].Value)
			found = append(found, []any{record.Offset, string(record.Key), string(record.Value), header})
		}
	}
	must(source.CommitUncommittedOffsets(ctx))
	must(source.LeaveGroupContext(ctx))
	source.Close()
	return found
}

// lag says where a group stands.
func lag(ctx context.Context, topic string) any {
	lags, err := kadm.NewClient(client()).Lag(ctx, topic)
	must(err)
	one := lags[topic]
	must(one.Error())
	found := one.Lag[topic][0]
	return map[string]any{"state": one.State, "committed": found.Commit.At, "end": found.End.Offset, "lag": found.Lag}
}

// admin makes a topic, changes it, looks at it, and deletes it.
func admin(ctx context.Context, topic string) any {
	adm := kadm.NewClient(client())
	size := "1048576"
	_, err := adm.CreateTopic(ctx, 2, 1, map[string]*string{"segment.bytes": &size}, topic)
	must(err)
	_, again := adm.CreateTopic(ctx, 2, 1, nil, topic)
	added, err := adm.CreatePartitions(ctx, 1, topic)
	must(err)
	must(added.Error())
	hour := "3600000"
	altered, err := adm.AlterTopicConfigs(ctx, []kadm.AlterConfig{{Name: "retention.ms", Value: &hour}}, topic)
	must(err)
	must(altered[0].Err)
	configs, err := adm.DescribeTopicConfigs(ctx, topic)
	must(err)
	set := map[string]string{}
	for _, config := range configs[0].Configs {
		if config.Source == 1 { // the topic's own
			set[config.Key] = *config.Value
		}
	}
	details, err := adm.ListTopics(ctx, topic)
	must(err)
	metadata, err := adm.BrokerMetadata(ctx)
	must(err)
	brokers := [][]any{}
	for _, broker := range metadata.Brokers {
		brokers = append(brokers, []any{broker.NodeID, fmt.Sprintf("%s:%d", broker.Host, broker.Port)})
	}
	_, err = adm.DeleteTopic(ctx, topic)
	must(err)
	left, err := adm.ListTopics(ctx)
	must(err)
	return map[string]any{
		"again": again.Error(), "partitions": details[topic].Partitions.Numbers(), "configs": set,
		"brokers": brokers, "isLeft": left.Has(topic),
	}
}

func main() {
	works := map[string]func(context.Context, string) any{
		"produce": produce, "consume": consume, "lag": lag, "admin": admin,
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	must(json.NewEncoder(os.Stdout).Encode(works[os.Args[1]](ctx, os.Args[3])))
}
