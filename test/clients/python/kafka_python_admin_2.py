"""Administration with kafka-python 2.0: some answers are raw responses whose errors are not raised.

It has no DeleteRecords, and changes configs only by the old request that replaces all of them.
"""

from kafka.admin import ConfigResource, ConfigResourceType, NewPartitions, NewTopic
from kafka.errors import for_code


def create_topic(admin, arguments):
    admin.create_topics([NewTopic(arguments["topic"], arguments["partitions"], 1, topic_configs=arguments.get("configs"))])


def describe_topic(admin, arguments):
    (topic,) = admin.describe_topics([arguments["topic"]])
    if topic["error_code"] != 0:
        raise for_code(topic["error_code"])()
    return {"leaders": [[each["partition"], each["leader"]] for each in topic["partitions"]]}


def delete_topic(admin, arguments):
    admin.delete_topics([arguments["topic"]])


def describe_config(admin, arguments):
    (response,) = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, arguments["topic"])])
    error_code, message, _, _, entries = response.resources[0]
    if error_code != 0:
        raise for_code(error_code)(message)
    return {"configs": {entry[0]: entry[1] for entry in entries}}


def alter_config(admin, arguments):
    response = admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, arguments["topic"], arguments["configs"])])
    error_code, message = response.resources[0][:2]
    if error_code != 0:
        raise for_code(error_code)(message)


def create_partitions(admin, arguments):
    admin.create_partitions({arguments["topic"]: NewPartitions(arguments["total"])})


def list_groups(admin, arguments):
    return {"groups": [group for group, _ in admin.list_consumer_groups()]}


def describe_group(admin, arguments):
    (group,) = admin.describe_consumer_groups([arguments["group"]])
    return {"state": group.state, "members": len(group.members)}


def delete_group(admin, arguments):
    ((_, error),) = admin.delete_consumer_groups([arguments["group"]])
    if error.errno != 0:
        raise error()


VERBS = {
    "createTopic": create_topic,
    "describeTopic": describe_topic,
    "deleteTopic": delete_topic,
    "describeConfig": describe_config,
    "alterConfig": alter_config,
    "createPartitions": create_partitions,
    "listGroups": list_groups,
    "describeGroup": describe_group,
    "deleteGroup": delete_group,
}
