// Frames: a 4-byte length, a header, a body. `frame` here is always without its length.
//
//   request header   int16 API key, int16 version, int32 correlation id, nullable string client id
//                    (int16 length even when flexible), and a tagged section when flexible (v2)
//   response header  int32 correlation id, and a tagged section when flexible (v1)
//
// Invariant: the response header of ApiVersions has no tagged section at any version (KIP-511), so
// that a client can read it before it knows what the broker speaks.

import { DecodeError, Reader } from '../bytes/reader.ts'
import { Writer } from '../bytes/writer.ts'
import { ApiKey } from '../wire/api-keys.ts'
import type { Fields, Infer, InferInput } from '../wire/field.ts'
import { ProtocolError } from '../wire/message.ts'
import { Turns } from '../wire/turns.ts'
import type { Api } from './api.ts'
import { apiTable } from './api-table.ts'

const LENGTH_BYTES = 4
/** A request up to this size is read in one go, and so is an answer of so many array elements written. */
const ONE_GO_BYTES = 64 * 1024
const ONE_GO_ELEMENTS = 2000

export interface RequestHeader {
  readonly apiKey: number
  readonly apiVersion: number
  readonly correlationId: number
  readonly clientId: string | null
  /** Where the body begins in the frame; meaningless when the API or version is not declared. */
  readonly bodyAt: number
}

/**
 * Reads a request's header, also of an API or version that is not declared: enough to say so.
 * @throws ProtocolError
 */
export function decodeRequestHeader(frame: Buffer): RequestHeader {
  const reader = new Reader(frame)
  let apiVersion = -1
  try {
    const apiKey = reader.int16()
    apiVersion = reader.int16()
    const correlationId = reader.int32()
    const clientId = nullableString(reader)
    const api = apiTable.get(apiKey)
    if (api?.request.has(apiVersion) && api.request.isFlexible(apiVersion)) skipTags(reader)
    return { apiKey, apiVersion, correlationId, clientId, bodyAt: reader.position }
  } catch (error) {
    if (error instanceof DecodeError) throw new ProtocolError('RequestHeader', apiVersion, error)
    throw error
  }
}

/** Reads the body of a request; what stands behind it is ignored, as Kafka does. @throws ProtocolError */
export function decodeRequest<Request extends Fields>(
  api: Api<Request, Fields>,
  header: RequestHeader,
  frame: Buffer,
): Infer<Request> {
  return api.request.read(new Reader(frame, header.bodyAt), header.apiVersion)
}

/**
 * As `decodeRequest`; of a large frame other work gets its turns in between.
 * @param pause resolves on a later turn of the event loop
 */
export function decodeRequestInTurns<Request extends Fields>(
  api: Api<Request, Fields>,
  header: RequestHeader,
  frame: Buffer,
  pause: () => Promise<void>,
): Infer<Request> | Promise<Infer<Request>> {
  if (frame.length <= ONE_GO_BYTES) return decodeRequest(api, header, frame)
  const reader = new Reader(frame, header.bodyAt)
  return api.request.readInTurns(reader, header.apiVersion, new Turns(pause))
}

/** The whole frame, length included, in chunks for one gathering write; byte fields are references. */
export function encodeResponse<Response extends Fields>(
  api: Api<Fields, Response>,
  version: number,
  correlationId: number,
  body: InferInput<Response>,
): Buffer[] {
  const writer = beginResponse(api, version, correlationId)
  api.response.write(writer, version, body)
  return closeFrame(writer)
}

/** As `encodeResponse`; of a large answer other work gets its turns in between. */
export function encodeResponseInTurns<Response extends Fields>(
  api: Api<Fields, Response>,
  version: number,
  correlationId: number,
  body: InferInput<Response>,
  pause: () => Promise<void>,
): Buffer[] | Promise<Buffer[]> {
  if (!api.response.hasMoreElements(ONE_GO_ELEMENTS, version, body)) {
    return encodeResponse(api, version, correlationId, body)
  }
  const writer = beginResponse(api, version, correlationId)
  return api.response
    .writeInTurns(writer, version, body, new Turns(pause))
    .then(() => closeFrame(writer))
}

export interface OutgoingRequest {
  readonly apiVersion: number
  readonly correlationId: number
  readonly clientId: string | null
}

/** The whole frame of a request, length included: the client's side. */
export function encodeRequest<Request extends Fields>(
  api: Api<Request, Fields>,
  header: OutgoingRequest,
  body: InferInput<Request>,
): Buffer[] {
  const writer = new Writer()
  writer.int32(0)
  writer.int16(api.key)
  writer.int16(header.apiVersion)
  writer.int32(header.correlationId)
  const clientIdBytes = header.clientId === null ? -1 : Buffer.byteLength(header.clientId)
  writer.int16(clientIdBytes)
  if (header.clientId !== null) writer.utf8(header.clientId, clientIdBytes)
  if (api.request.isFlexible(header.apiVersion)) writer.uvarint(0)
  api.request.write(writer, header.apiVersion, body)
  return closeFrame(writer)
}

/** Which request a response answers, without knowing its API. @throws DecodeError */
export function correlationIdOf(frame: Buffer): number {
  return new Reader(frame).int32()
}

/** Reads a response, header and body: the client's side. @throws ProtocolError */
export function decodeResponse<Response extends Fields>(
  api: Api<Fields, Response>,
  version: number,
  frame: Buffer,
): { correlationId: number; body: Infer<Response> } {
  const reader = new Reader(frame)
  const correlationId = readResponseHeader(api, version, reader)
  return { correlationId, body: api.response.read(reader, version) }
}

function readResponseHeader(api: Api, version: number, reader: Reader): number {
  try {
    const correlationId = reader.int32()
    if (hasTaggedResponseHeader(api, version)) skipTags(reader)
    return correlationId
  } catch (error) {
    if (error instanceof DecodeError) throw new ProtocolError('ResponseHeader', version, error)
    throw error
  }
}

function hasTaggedResponseHeader(api: Pick<Api, 'key' | 'response'>, version: number): boolean {
  return api.response.isFlexible(version) && api.key !== ApiKey.API_VERSIONS
}

function beginResponse(api: Api, version: number, correlationId: number): Writer {
  const writer = new Writer()
  writer.int32(0) // the length, known at the end
  writer.int32(correlationId)
  if (hasTaggedResponseHeader(api, version)) writer.uvarint(0)
  return writer
}

function closeFrame(writer: Writer): Buffer[] {
  const length = writer.length - LENGTH_BYTES
  const chunks = writer.chunks()
  chunks[0]!.writeInt32BE(length)
  return chunks
}

function nullableString(reader: Reader): string | null {
  const length = reader.int16()
  return length === -1 ? null : reader.string(length)
}

/** Kafka defines no tags for headers that a client sends; unknown ones are skipped. */
function skipTags(reader: Reader): void {
  const count = reader.uvarint()
  reader.claimElements(count, 2)
  for (let index = 0; index < count; index++) {
    reader.uvarint()
    reader.skip(reader.uvarint())
  }
}
