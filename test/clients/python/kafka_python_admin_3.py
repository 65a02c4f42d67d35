"""Administration with kafka-python 3."""

from kafka import TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import for_code


def create_topic(admin, arguments):
    options = {"num_partitions": arguments["partitions"], "replication_factor": 1, "configs": arguments.get("configs", {})}
    admin.create_topics({arguments["topic"]: options})


def describe_topic(admin, arguments):
    (topic,) = admin.describe_topics([arguments["topic"]])
    if topic["error_code"] != 0:
        raise for_code(topic["error_code"])()
    return {"leaders": [[each["partition_index"], each["leader_id"]] for each in topic["partitions"]]}


def delete_topic(admin, arguments):
    admin.delete_topics([arguments["topic"]])


def describe_config(admin, arguments):
    resource = ConfigResource(ConfigResourceType.TOPIC, arguments["topic"])
    described = admin.describe_configs([resource], config_filter="all")["topic"][arguments["topic"]]
    return {"configs": {name: entry["value"] for name, entry in described.items()}}


def alter_config(admin, arguments):
    resource = ConfigResource(ConfigResourceType.TOPIC, arguments["topic"], arguments["configs"])
    outcome = admin.alter_configs([resource])["topic"][arguments["topic"]]
    if outcome != "OK":
        raise RuntimeError(outcome)


def create_partitions(admin, arguments):
    admin.create_partitions({arguments["topic"]: arguments["total"]})


def delete_records(admin, arguments):
    admin.delete_records({TopicPartition(arguments["topic"], arguments["partition"]): arguments["before"]})


def list_groups(admin, arguments):
    return {"groups": [group["group_id"] for group in admin.list_groups()]}


def describe_group(admin, arguments):
    group = admin.describe_groups([arguments["group"]])[arguments["group"]]
    if group["error"] is not None:
        raise RuntimeError(group["error"])
    return {"state": group["group_state"], "members": len(group["members"])}


def delete_group(admin, arguments):
    outcome = admin.delete_groups([arguments["group"]])[arguments["group"]]
    if outcome != "OK":
        raise RuntimeError(outcome)


VERBS = {
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
}
