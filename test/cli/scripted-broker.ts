// A broker that answers what a test tells it to: for what a real one does only by accident (a lost
// answer, a moved leader, a damaged batch). It leads partition 0 of every topic that it is asked for.

import { metadata } from '../../src/broker/protocol/03-metadata.ts'
import { apiVersions } from '../../src/broker/protocol/18-api-versions.ts'
import type { Api } from '../../src/broker/protocol/api.ts'
import {
  decodeRequest,
  decodeRequestHeader,
  encodeResponse,
} from '../../src/broker/protocol/frames.ts'
import { FrameAssembly, SCRATCH_BYTES } from '../../src/broker/server/frame-assembly.ts'
import type { Fields, Infer, InferInput } from '../../src/broker/wire/field.ts'
import { Cluster } from '../../src/cli/client/cluster.ts'
import type { NetSocket } from '../../src/host/net.ts'
import { nodeClock, nodeRandom, nodeTimers } from '../../src/host/node-host.ts'
import { nodeNet } from '../../src/host/node-net.ts'

export interface Handling {
  readonly api: Api
  /** undefined: no answer, and the connection is closed. */
  readonly answer: (frame: Buffer) => Buffer[] | undefined
}

/** @param answer what to answer a decoded request; undefined closes the connection instead */
export function on<Req extends Fields, Res extends Fields>(
  api: Api<Req, Res>,
  answer: (request: Infer<Req>, version: number) => InferInput<Res> | undefined,
): Handling {
  return {
    api: api as unknown as Api,
    answer: (frame) => {
      const header = decodeRequestHeader(frame)
      const body = answer(decodeRequest(api, header, frame), header.apiVersion)
      if (body === undefined) return undefined
      return encodeResponse(api, header.apiVersion, header.correlationId, body)
    },
  }
}

export interface ScriptedBroker extends AsyncDisposable {
  readonly port: number
  /** A client of it, with short time limits. */
  connect(options?: { timeoutMs?: number }): Promise<Cluster>
}

export async function scriptedBroker(...scripted: readonly Handling[]): Promise<ScriptedBroker> {
  const sockets = new Set<NetSocket>()
  const clusters: Cluster[] = []
  const served = new Map<number, Handling>()
  const server = await nodeNet.listen({ host: '127.0.0.1', port: 0 }, (socket) => {
    sockets.add(socket)
    socket.onClose(() => sockets.delete(socket))
    const frames = new FrameAssembly({
      maxFrameBytes: 1024 * 1024,
      scratch: Buffer.alloc(SCRATCH_BYTES),
      onFrame: (frame) => {
        const answer = served.get(decodeRequestHeader(frame).apiKey)?.answer(frame)
        if (answer === undefined) socket.destroy()
        else socket.write(answer)
      },
      onFault: () => socket.destroy(),
    })
    socket.onRead(frames)
  })
  const { port } = server
  const usual = [answerVersions(served), answerMetadata(port)]
  for (const handling of [...usual, ...scripted]) served.set(handling.api.key, handling)
  return {
    port,
    connect: async ({ timeoutMs = 2000 } = {}) => {
      const world = { net: nodeNet, clock: nodeClock, timers: nodeTimers, random: nodeRandom }
      const bootstrap = [{ host: '127.0.0.1', port }]
      const cluster = await Cluster.connect({ ...world, bootstrap, timeoutMs })
      clusters.push(cluster)
      return cluster
    },
    [Symbol.asyncDispose]: async () => {
      for (const cluster of clusters) cluster.close()
      for (const socket of sockets) socket.destroy()
      await server.close()
    },
  }
}

function answerVersions(served: ReadonlyMap<number, Handling>): Handling {
  return on(apiVersions, () => ({
    errorCode: 0,
    apiKeys: [...served.values()].map(({ api }) => {
      return { apiKey: api.key, minVersion: api.versions[0], maxVersion: api.versions[1] }
    }),
  }))
}

function answerMetadata(port: number): Handling {
  return on(metadata, ({ topics }) => ({
    brokers: [{ nodeId: 1, host: '127.0.0.1', port }],
    clusterId: 'scripted',
    controllerId: 1,
    errorCode: 0,
    topics: (topics ?? []).map(({ name }) => ({
      errorCode: 0,
      name,
      topicId: 'AAAAAAAAAAAAAAAAAAAAAQ',
      isInternal: false,
      partitions: [
        {
          errorCode: 0,
          partitionIndex: 0,
          leaderId: 1,
          leaderEpoch: 0,
          replicaNodes: [1],
          isrNodes: [1],
          offlineReplicas: [],
        },
      ],
    })),
  }))
}
