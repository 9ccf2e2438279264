// What Sarama does with a broker: interop WORK ADDRESS TOPIC VERSION [COUNT]. What came of it is printed as JSON.
// VERSION is the Kafka that it takes the broker for, which decides how new its requests are.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"strconv"
	"time"

	"github.com/IBM/sarama"
)

var address, topic = os.Args[2:3], os.Args[3]

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func settings() *sarama.Config {
	config := sarama.NewConfig()
	version, err := sarama.ParseKafkaVersion(os.Args[4])
	must(err)
	config.Version = version
	config.Producer.Return.Successes = true
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Consumer.Offsets.AutoCommit.Enable = false
	config.Consumer.MaxWaitTime = 100 * time.Millisecond
	config.Consumer.Group.Heartbeat.Interval = 100 * time.Millisecond
	config.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{sarama.NewBalanceStrategySticky()}
	return config
}

func administrator() sarama.ClusterAdmin {
	made, err := sarama.NewClusterAdmin(address, settings())
	must(err)
	return made
}

func number() int {
	count, err := strconv.Atoi(os.Args[5])
	must(err)
	return count
}

// produce sends as many messages with each codec, as an idempotent producer, and returns their first offsets.
func produce() any {
	first := map[string]int64{}
	for _, codec := range []sarama.CompressionCodec{
		sarama.CompressionNone, sarama.CompressionGZIP, sarama.CompressionSnappy, sarama.CompressionLZ4, sarama.CompressionZSTD,
	} {
		config := settings()
		config.Producer.Compression = codec
		config.Producer.RequiredAcks = sarama.WaitForAll
		config.Producer.Idempotent = true
		config.Net.MaxOpenRequests = 1
		config.Producer.Partitioner = sarama.NewManualPartitioner
		producer, err := sarama.NewSyncProducer(address, config)
		must(err)
		messages := make([]*sarama.ProducerMessage, number())
		for index := range messages {
			messages[index] = &sarama.ProducerMessage{
				Topic: topic, Key: sarama.StringEncoder(strconv.Itoa(index % 7)),
				Value:   sarama.StringEncoder(fmt.Sprintf("message %d", index)),
				Headers: []sarama.RecordHeader{{Key: []byte("trace"), Value: []byte(codec.String())}},
			}
		}
		must(producer.SendMessages(messages))
		must(producer.Close())
		first[codec.String()] = messages[0].Offset
	}
	return first
}

// A member of the group that has the topic's name: it says what it was given and what it got.
type member struct {
	given    chan int
	messages chan *sarama.ConsumerMessage
	leave    func()
}

func (one member) Setup(session sarama.ConsumerGroupSession) error {
	one.given <- len(session.Claims()[topic])
	return nil
}

func (one member) Cleanup(session sarama.ConsumerGroupSession) error {
	session.Commit()
	return nil
}

func (one member) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for message := range claim.Messages() {
		select {
		case one.messages <- message:
			session.MarkMessage(message, "marked")
		case <-session.Context().Done():
			return nil
		}
	}
	return nil
}

func join() member {
	group, err := sarama.NewConsumerGroup(address, topic, settings())
	must(err)
	ctx, cancel := context.WithCancel(context.Background())
	left := make(chan error)
	one := member{given: make(chan int, 100), messages: make(chan *sarama.ConsumerMessage)}
	go func() {
		for ctx.Err() == nil {
			if err := group.Consume(ctx, []string{topic}, one); err != nil {
				log.Fatal(err)
			}
		}
		left <- group.Close()
	}()
	one.leave = func() {
		cancel()
		must(<-left)
	}
	return one
}

// consume joins a group, takes so many messages, and commits them as it leaves.
func consume() any {
	one := join()
	found := [][]any{}
	for len(found) < number() {
		message := <-one.messages
		header := string(message.Headers[0].Value)
		found = append(found, []any{message.Offset, string(message.Key), string(message.Value), header})
	}
	one.leave()
	return found
}

// until waits for a member to be given so many partitions.
func (one member) until(count int) {
	for given := range one.given {
		if given == count {
			return
		}
	}
}

// share has two members share a topic of two partitions, and one take over what the other leaves.
func share() any {
	admin := administrator()
	must(admin.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: 2, ReplicationFactor: 1}, false))
	first := join()
	first.until(2)
	second := join()
	second.until(1)
	first.until(1)
	groups, err := admin.DescribeConsumerGroups([]string{topic})
	must(err)
	first.leave()
	second.until(2)
	second.leave()
	must(admin.DeleteConsumerGroup(topic))
	return map[string]any{"state": groups[0].State, "protocol": groups[0].Protocol, "members": len(groups[0].Members)}
}

// admin makes a topic, changes it, looks at it, and deletes it.
func admin() any {
	admin := administrator()
	size, hour := "1048576", "3600000"
	detail := &sarama.TopicDetail{
		NumPartitions: 2, ReplicationFactor: 1, ConfigEntries: map[string]*string{"segment.bytes": &size},
	}
	must(admin.CreateTopic(topic, detail, false))
	again := admin.CreateTopic(topic, detail, false)
	must(admin.CreatePartitions(topic, 3, nil, false))
	must(admin.AlterConfig(sarama.TopicResource, topic, map[string]*string{"retention.ms": &hour}, false))
	must(admin.DeleteRecords(topic, map[int32]int64{0: -1}))
	topics, err := admin.ListTopics()
	must(err)
	configs := map[string]string{}
	for name, value := range topics[topic].ConfigEntries {
		configs[name] = *value
	}
	brokers, controller, err := admin.DescribeCluster()
	must(err)
	directories, err := admin.DescribeLogDirs([]int32{controller})
	must(err)
	must(admin.DeleteTopic(topic))
	left, err := admin.ListTopics()
	must(err)
	_, isLeft := left[topic]
	return map[string]any{
		"again": again.Error(), "partitions": topics[topic].NumPartitions, "configs": configs,
		"broker": brokers[0].Addr(), "directories": len(directories[controller]), "isLeft": isLeft,
	}
}

func main() {
	time.AfterFunc(20*time.Second, func() { log.Fatal("20 seconds are over") })
	works := map[string]func() any{"produce": produce, "consume": consume, "share": share, "admin": admin}
	must(json.NewEncoder(os.Stdout).Encode(works[os.Args[1]]()))
}
