// Kafka's command-line tools, each as a process of its own on the broker of the row.
import { java, Program, type ProgramOptions, runProgram, toolLibraries } from './program.ts'

const CLASSES = {
  topics: 'org.apache.kafka.tools.TopicCommand',
  groups: 'org.apache.kafka.tools.consumer.group.ConsumerGroupCommand',
  'all-groups': 'org.apache.kafka.tools.GroupsCommand',
  'console-producer': 'org.apache.kafka.tools.ConsoleProducer',
  'console-consumer': 'org.apache.kafka.tools.consumer.ConsoleConsumer',
  'get-offsets': 'org.apache.kafka.tools.GetOffsetShell',
  configs: 'kafka.admin.ConfigCommand',
  transactions: 'org.apache.kafka.tools.TransactionsCommand',
  'verifiable-producer': 'org.apache.kafka.tools.VerifiableProducer',
  'verifiable-consumer': 'org.apache.kafka.tools.VerifiableConsumer',
  'producer-perf': 'org.apache.kafka.tools.ProducerPerformance',
  'consumer-perf': 'org.apache.kafka.tools.ConsumerPerformance',
  acls: 'org.apache.kafka.tools.AclCommand',
  'api-versions': 'org.apache.kafka.tools.BrokerApiVersionsCommand',
} as const

export type ToolName = keyof typeof CLASSES

/** The tools that call the broker's address `--bootstrap-server`, which is most. */
export class KafkaTools {
  readonly #bootstrap: string

  constructor(bootstrap: string) {
    this.#bootstrap = bootstrap
  }

  run(
    tool: ToolName,
    args: string,
    options: Parameters<typeof runProgram>[1] = {},
  ): Promise<string> {
    // That a group has no members is told on standard error.
    return runProgram(this.#command(tool, args), { withErrors: tool === 'groups', ...options })
  }

  start(tool: ToolName, args: string, options: ProgramOptions = {}): Program {
    return new Program(this.#command(tool, args), options)
  }

  /** A tool that is started in another way. */
  of(mainClass: string, ...args: readonly string[]): string[] {
    return java(toolLibraries, mainClass, ...args)
  }

  makeTopic(name: string, partitions: number, more = ''): Promise<string> {
    return this.run('topics', `--create --topic ${name} --partitions ${partitions} ${more}`)
  }

  /** Values of a topic, of one partition if it is named, read from the start until nothing comes. */
  async values(topic: string, more = ''): Promise<string[]> {
    const text = await this.run(
      'console-consumer',
      `--topic ${topic} --timeout-ms 4000 ${more.includes('--partition') ? '' : '--from-beginning'} ${more}`,
    )
    return text.split('\n').filter((line) => line !== '' && !isRemark(line))
  }

  #command(tool: ToolName, args: string): string[] {
    const words = args.split(' ').filter((word) => word !== '')
    return java(toolLibraries, CLASSES[tool], '--bootstrap-server', this.#bootstrap, ...words)
  }
}

function isRemark(line: string): boolean {
  return /^Processed a total of|TimeoutException|^\[|^Option /.test(line)
}
