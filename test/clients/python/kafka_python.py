"""The driver of kafka-python, both the old version that many programs pin and the present one."""

import sys
import time

import kafka
from kafka import ConsumerRebalanceListener, KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import CommitFailedError
from kafka.structs import OffsetAndMetadata

import contract

BOOTSTRAP = sys.argv[1]
SECURITY = contract.security(
    {
        "protocol": "security_protocol",
        "mechanism": "sasl_mechanism",
        "user": "sasl_plain_username",
        "password": "sasl_plain_password",
        "caFile": "ssl_cafile",
        "certificateFile": "ssl_certfile",
        "keyFile": "ssl_keyfile",
    }
)
IS_OLD = kafka.__version__.startswith("2.0.")


def hello(arguments):
    return {"version": kafka.__version__}


def produce(arguments):
    settings = {
        **SECURITY,
        "bootstrap_servers": BOOTSTRAP,
        "client_id": arguments.get("clientId", "kafka-python"),
        "linger_ms": 20,
        "acks": "all",
        "retries": 5,
    }
    if arguments.get("compression", "none") != "none":
        settings["compression_type"] = arguments["compression"]
    if "idempotent" in arguments:
        settings["enable_idempotence"] = arguments["idempotent"]
    producer = KafkaProducer(**settings)
    try:
        sent = [
            producer.send(
                arguments["topic"],
                partition=record["partition"],
                key=contract.from_base64(record["key"]),
                value=contract.from_base64(record["value"]),
                headers=contract.headers_of(record),
                timestamp_ms=record.get("timestamp"),
            )
            for record in arguments["records"]
        ]
        answers = [future.get(20) for future in sent]
        return {"positions": [[each.partition, each.offset] for each in answers]}
    finally:
        producer.close()


def reader():
    return KafkaConsumer(
        bootstrap_servers=BOOTSTRAP, enable_auto_commit=False, auto_offset_reset="earliest", **SECURITY
    )


def read(arguments):
    consumer = reader()
    try:
        partitions = partitions_of(arguments)
        consumer.assign(partitions)
        if "timestamp" in arguments:
            for partition, offset in look_up(consumer, arguments).items():
                if offset == -1:
                    consumer.seek_to_end(partition)
                else:
                    consumer.seek(partition, offset)
        records = []
        deadline = time.monotonic() + arguments["timeoutMs"] / 1000
        while len(records) < arguments["count"] and time.monotonic() < deadline:
            for some in consumer.poll(timeout_ms=100).values():
                records.extend(
                    contract.record(each.partition, each.offset, each.timestamp, each.key, each.value, each.headers)
                    for each in some
                )
        return {"records": records}
    finally:
        consumer.close()


def transact(arguments):
    producer = KafkaProducer(bootstrap_servers=BOOTSTRAP, transactional_id=arguments["transactionalId"], acks="all")
    consumer = KafkaConsumer(
        arguments["topic"],
        bootstrap_servers=BOOTSTRAP,
        group_id=arguments["group"],
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    try:
        producer.init_transactions()
        producer.begin_transaction()
        seen = []
        deadline = time.monotonic() + arguments["timeoutMs"] / 1000
        while len(seen) < arguments["count"] and time.monotonic() < deadline:
            for some in consumer.poll(timeout_ms=100).values():
                for each in some:
                    seen.append([each.partition, each.offset])
                    producer.send(arguments["into"], partition=each.partition, key=each.key, value=each.value)
        offsets = {each: OffsetAndMetadata(consumer.position(each), "", -1) for each in consumer.assignment()}
        producer.send_offsets_to_transaction(offsets, consumer.group_metadata())
        if arguments["ends"] == "commit":
            producer.commit_transaction()
        else:
            producer.flush(20)
            producer.abort_transaction()
        return {"seen": seen}
    finally:
        consumer.close()
        producer.close()


def partitions_of(arguments):
    return [TopicPartition(arguments["topic"], number) for number in arguments["partitions"]]


def look_up(consumer, arguments):
    found = consumer.offsets_for_times({partition: arguments["timestamp"] for partition in partitions_of(arguments)})
    return {partition: -1 if at is None else at.offset for partition, at in found.items()}


def offsets_for_time(arguments):
    consumer = reader()
    try:
        return {"positions": [[partition.partition, at] for partition, at in look_up(consumer, arguments).items()]}
    finally:
        consumer.close()


class Member(contract.Member, ConsumerRebalanceListener):
    def open(self):
        settings = {"group_instance_id": self.arguments["instanceId"]} if "instanceId" in self.arguments else {}
        self.consumer = KafkaConsumer(
            bootstrap_servers=BOOTSTRAP,
            client_id=self.arguments["member"],
            group_id=self.arguments["group"],
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            heartbeat_interval_ms=300,
            **settings,
        )
        self.consumer.subscribe([self.arguments["topic"]], listener=self)
        # Version 3 sometimes gets stuck, with any broker, where it joins before it knows the topic.
        self.consumer.partitions_for_topic(self.arguments["topic"])

    def on_partitions_assigned(self, assigned):
        self.assignments += 1

    def on_partitions_revoked(self, revoked):
        pass

    def poll(self):
        polled = self.consumer.poll(timeout_ms=50)
        # Version 3 calls the listener where nothing may block, so it commits as it goes.
        if polled:
            self.commit_unless_rebalancing()
        return [[each.partition, each.offset] for some in polled.values() for each in some]

    def commit_unless_rebalancing(self):
        try:
            self.commit()
        except CommitFailedError:
            pass

    def commit(self):
        self.consumer.commit()

    def assigned(self):
        return [partition.partition for partition in self.consumer.assignment()]

    def close(self):
        self.consumer.close()


def administration_verbs():
    if IS_OLD:
        import kafka_python_admin_2 as administration
    else:
        import kafka_python_admin_3 as administration

    clients = []

    def administered(do):
        def verb(arguments):
            if not clients:
                clients.append(KafkaAdminClient(bootstrap_servers=BOOTSTRAP))
            return do(clients[0], arguments)

        return verb

    return {name: administered(do) for name, do in administration.VERBS.items()}


contract.serve(
    {
        "hello": hello,
        "produce": produce,
        "read": read,
        "transact": transact,
        "offsetsForTime": offsets_for_time,
        **contract.member_verbs(Member),
        **administration_verbs(),
    }
)
