// What KafkaJS does with a broker: node interop.js WORK ADDRESS TOPIC [COUNT]. What came of it is printed as JSON.
const { CompressionTypes, Kafka, logLevel } = require('kafkajs')

const [work, address, topic, count] = process.argv.slice(2)
const kafka = new Kafka({ brokers: [address], clientId: 'kafkajs', logLevel: logLevel.NOTHING })

async function produce() {
  const producer = kafka.producer({ idempotent: true })
  await producer.connect()
  const numbered = [...Array(Number(count)).keys()]
  const messages = numbered.map((number) => ({
    key: String(number % 7),
    value: `message ${number}`,
    headers: { trace: String(number) },
  }))
  const sent = []
  for (const compression of [CompressionTypes.None, CompressionTypes.GZIP]) {
    const [{ baseOffset }] = await producer.send({ topic, compression, messages: messages.map(onFirstPartition) })
    sent.push(Number(baseOffset))
  }
  await producer.disconnect()
  return sent
}

const onFirstPartition = (message) => ({ ...message, partition: 0 })

async function consume() {
  const consumer = kafka.consumer({ groupId: topic, maxWaitTimeInMs: 100 })
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  const found = []
  await new Promise((resolve, reject) => {
    consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error))
    const eachMessage = async ({ message: { offset, key, value, headers } }) => {
      found.push([Number(offset), String(key), String(value), String(headers.trace)])
      if (found.length === Number(count)) resolve()
    }
    consumer.run({ eachMessage }).catch(reject)
  })
  await consumer.disconnect() // commits
  return found
}

async function admin() {
  const client = kafka.admin()
  await client.connect()
  const configEntries = [{ name: 'segment.bytes', value: '1048576' }]
  const isNew = await client.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions: 2, configEntries }] })
  const isNewAgain = await client.createTopics({ topics: [{ topic }] })
  await client.createPartitions({ topicPartitions: [{ topic, count: 3 }] })
  const [described] = (await client.fetchTopicMetadata({ topics: [topic] })).topics
  const { resources } = await client.describeConfigs({
    resources: [{ type: 2, name: topic, configNames: ['segment.bytes'] }],
  })
  const offsets = await client.fetchTopicOffsets(topic)
  const { brokers, controller } = await client.describeCluster()
  await client.deleteTopics({ topics: [topic] })
  const left = await client.listTopics()
  await client.disconnect()
  return {
    isNew,
    isNewAgain,
    partitions: described.partitions.map((each) => each.partitionId).sort(),
    segmentBytes: resources[0].configEntries[0].configValue,
    offsets: offsets.map(({ partition, low, high }) => [partition, low, high]).sort(),
    brokers: brokers.map(({ nodeId, host, port }) => [nodeId, `${host}:${port}`]),
    controller,
    isLeft: left.includes(topic),
  }
}

const works = { produce, consume, admin }
works[work]()
  .then((result) => console.log(JSON.stringify(result)))
  .catch((error) => {
    console.error(error)
    process.exit(1)
  })
