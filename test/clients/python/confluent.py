"""The driver of confluent-kafka, which brings a newer librdkafka than Debian's."""

import sys
import time

import confluent_kafka
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourceType,
)

import contract

BOOTSTRAP = sys.argv[1]
COMMON = {"bootstrap.servers": BOOTSTRAP, "reconnect.backoff.max.ms": 200}
COMMON.update(
    contract.security(
        {
            "protocol": "security.protocol",
            "mechanism": "sasl.mechanism",
            "user": "sasl.username",
            "password": "sasl.password",
            "caFile": "ssl.ca.location",
            "certificateFile": "ssl.certificate.location",
            "keyFile": "ssl.key.location",
        }
    )
)


def hello(arguments):
    return {"version": confluent_kafka.__version__, "librdkafka": confluent_kafka.libversion()[0]}


def produce(arguments):
    settings = dict(COMMON, **{"client.id": arguments.get("clientId", "confluent"), "linger.ms": 20})
    if "compression" in arguments:
        settings["compression.type"] = arguments["compression"]
    if "idempotent" in arguments:
        settings["enable.idempotence"] = arguments["idempotent"]
    producer = Producer(settings)
    positions = [None] * len(arguments["records"])
    errors = []

    def delivered(index):
        def note(error, message):
            if error is not None:
                errors.append(error)
            else:
                positions[index] = [message.partition(), message.offset()]

        return note

    for index, record in enumerate(arguments["records"]):
        producer.produce(
            arguments["topic"],
            partition=record["partition"],
            key=contract.from_base64(record["key"]),
            value=contract.from_base64(record["value"]),
            headers=contract.headers_of(record),
            timestamp=record.get("timestamp", 0),
            on_delivery=delivered(index),
        )
    producer.flush(20)
    if errors:
        raise KafkaException(errors[0])
    return {"positions": positions}


def reader():
    return Consumer(
        dict(COMMON, **{"group.id": "reads-by-assignment", "enable.auto.commit": False, "auto.offset.reset": "earliest"})
    )


def raise_unless_fine(message):
    if message.error() is not None:
        raise KafkaException(message.error())


def read(arguments):
    consumer = reader()
    try:
        if "timestamp" in arguments:
            consumer.assign(look_up(consumer, arguments))
        else:
            consumer.assign(
                [TopicPartition(arguments["topic"], number, confluent_kafka.OFFSET_BEGINNING) for number in arguments["partitions"]]
            )
        records = []
        deadline = time.monotonic() + arguments["timeoutMs"] / 1000
        while len(records) < arguments["count"] and time.monotonic() < deadline:
            for message in consumer.consume(500, 0.1):
                raise_unless_fine(message)
                records.append(
                    contract.record(
                        message.partition(),
                        message.offset(),
                        message.timestamp()[1],
                        message.key(),
                        message.value(),
                        message.headers(),
                    )
                )
        return {"records": records}
    finally:
        consumer.close()


def look_up(consumer, arguments):
    return consumer.offsets_for_times(
        [TopicPartition(arguments["topic"], number, arguments["timestamp"]) for number in arguments["partitions"]], timeout=10
    )


def offsets_for_time(arguments):
    consumer = reader()
    try:
        found = look_up(consumer, arguments)
        # librdkafka answers OFFSET_END where no record is that young.
        return {"positions": [[each.partition, max(each.offset, -1)] for each in found]}
    finally:
        consumer.close()


def transact(arguments):
    producer = Producer(dict(COMMON, **{"transactional.id": arguments["transactionalId"]}))
    consumer = Consumer(
        dict(
            COMMON,
            **{
                "group.id": arguments["group"],
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
            },
        )
    )
    try:
        producer.init_transactions(20)
        consumer.subscribe([arguments["topic"]])
        producer.begin_transaction()
        seen = []
        deadline = time.monotonic() + arguments["timeoutMs"] / 1000
        while len(seen) < arguments["count"] and time.monotonic() < deadline:
            for message in consumer.consume(500, 0.1):
                raise_unless_fine(message)
                seen.append([message.partition(), message.offset()])
                producer.produce(
                    arguments["into"], partition=message.partition(), key=message.key(), value=message.value()
                )
        offsets = consumer.position(consumer.assignment())
        producer.send_offsets_to_transaction(offsets, consumer.consumer_group_metadata(), 20)
        if arguments["ends"] == "commit":
            producer.commit_transaction(20)
        else:
            producer.flush(20)
            producer.abort_transaction(20)
        return {"seen": seen}
    finally:
        consumer.close()


class Member(contract.Member):
    def open(self):
        settings = {
            "client.id": self.arguments["member"],
            "group.id": self.arguments["group"],
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
        }
        if self.arguments.get("protocol") == "consumer":
            settings["group.protocol"] = "consumer"
        else:
            settings["heartbeat.interval.ms"] = 300
        if "instanceId" in self.arguments:
            settings["group.instance.id"] = self.arguments["instanceId"]
        self.consumer = Consumer(dict(COMMON, **settings))
        wanted = self.arguments.get("pattern", self.arguments["topic"])
        self.consumer.subscribe([wanted], on_assign=self.on_assign, on_revoke=self.on_revoke)

    def on_assign(self, consumer, partitions):
        self.assignments += 1

    def on_revoke(self, consumer, partitions):
        self.commit()

    def poll(self):
        messages = self.consumer.consume(100, 0.05)
        for message in messages:
            raise_unless_fine(message)
        return [[message.partition(), message.offset()] for message in messages]

    def commit(self):
        try:
            self.consumer.commit(asynchronous=False)
        except KafkaException as error:
            if error.args[0].code() != KafkaError._NO_OFFSET:
                raise

    def assigned(self):
        return [each.partition for each in self.consumer.assignment()]

    def close(self):
        self.consumer.close()


admin_client = None


def admin():
    global admin_client
    if admin_client is None:
        admin_client = AdminClient(COMMON)
    return admin_client


def results(futures):
    return [future.result(20) for future in futures.values()]


def create_topic(arguments):
    topic = NewTopic(arguments["topic"], arguments["partitions"], 1, config=arguments.get("configs", {}))
    results(admin().create_topics([topic]))


def describe_topic(arguments):
    topic = admin().list_topics(arguments["topic"], timeout=10).topics[arguments["topic"]]
    if topic.error is not None:
        raise KafkaException(topic.error)
    return {"leaders": [[each.id, each.leader] for each in topic.partitions.values()]}


def delete_topic(arguments):
    results(admin().delete_topics([arguments["topic"]]))


def describe_config(arguments):
    (entries,) = results(admin().describe_configs([ConfigResource(ResourceType.TOPIC, arguments["topic"])]))
    return {"configs": {name: entry.value for name, entry in entries.items()}}


def alter_config(arguments):
    changes = [
        ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET) for name, value in arguments["configs"].items()
    ]
    resource = ConfigResource(ResourceType.TOPIC, arguments["topic"], incremental_configs=changes)
    results(admin().incremental_alter_configs([resource]))


def create_partitions(arguments):
    results(admin().create_partitions([NewPartitions(arguments["topic"], arguments["total"])]))


def delete_records(arguments):
    results(admin().delete_records([TopicPartition(arguments["topic"], arguments["partition"], arguments["before"])]))


def list_groups(arguments):
    return {"groups": [group.group_id for group in admin().list_consumer_groups().result(20).valid]}


def describe_group(arguments):
    (group,) = results(admin().describe_consumer_groups([arguments["group"]]))
    return {"state": group.state.name, "members": len(group.members)}


def delete_group(arguments):
    results(admin().delete_consumer_groups([arguments["group"]]))


contract.serve(
    {
        "hello": hello,
        "produce": produce,
        "read": read,
        "transact": transact,
        "offsetsForTime": offsets_for_time,
        "createTopic": create_topic,
        "describeTopic": describe_topic,
        "deleteTopic": delete_topic,
        "describeConfig": describe_config,
        "alterConfig": alter_config,
        "createPartitions": create_partitions,
        "deleteRecords": delete_records,
        "listGroups": list_groups,
        "describeGroup": describe_group,
        "deleteGroup": delete_group,
        **contract.member_verbs(Member, has_consumer_protocol=True),
    }
)
