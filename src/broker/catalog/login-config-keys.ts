// The acting keys of TLS and SASL. A listener may have its own value for each of them, as
// `listener.name.NAME.KEY` (listener-keys.ts). Kafka's names and meanings; stores are PEM only.

import type { ActingRow } from './config-key.ts'
import { atLeast, listOf, oneOf } from './config-value.ts'

const PEM_FILE = 'The listener needs a certificate where it speaks TLS.'

export const loginConfigRows = {
  // TLS.
  'ssl.keystore.type': {
    type: 'string',
    default: 'JKS',
    check: oneOf('JKS', 'PKCS12', 'PEM'),
    about:
      'What `ssl.keystore.location` is; only PEM is read, so it has to be said. Others end the start with the way to convert them.',
  },
  'ssl.keystore.location': {
    type: 'string',
    default: null,
    about: `A PEM file with the key and then the certificate chain. ${PEM_FILE}`,
  },
  'ssl.keystore.certificate.chain': {
    type: 'password',
    default: null,
    about: 'The certificate chain itself in PEM form, instead of a file.',
  },
  'ssl.keystore.key': {
    type: 'password',
    default: null,
    about: 'The key to that chain in PEM form.',
  },
  'ssl.key.password': {
    type: 'password',
    default: null,
    about: 'The password of an encrypted key.',
  },
  'ssl.truststore.type': {
    type: 'string',
    default: 'JKS',
    check: oneOf('JKS', 'PKCS12', 'PEM'),
    about: 'What `ssl.truststore.location` is; only PEM is read.',
  },
  'ssl.truststore.location': {
    type: 'string',
    default: null,
    about: 'A PEM file with the certificates that those of clients must be signed by.',
  },
  'ssl.truststore.certificates': {
    type: 'password',
    default: null,
    about: 'Those certificates themselves in PEM form, instead of a file.',
  },
  'ssl.client.auth': {
    type: 'string',
    default: 'none',
    check: oneOf('none', 'requested', 'required'),
    about:
      'Whether clients show a certificate, by whose name they are known. For a SASL_SSL listener only its own setting counts.',
  },
  'ssl.principal.mapping.rules': {
    type: 'string',
    default: 'DEFAULT',
    about:
      'How the name in a client certificate becomes a user: DEFAULT, or RULE:pattern/replacement/[LU], the first that matches. Patterns are matched in linear time.',
  },
  'ssl.enabled.protocols': {
    type: 'list',
    default: 'TLSv1.2,TLSv1.3',
    check: listOf('TLSv1.2', 'TLSv1.3'),
    about: 'Versions of TLS that are spoken; older ones end the start.',
  },
  'ssl.cipher.suites': {
    type: 'list',
    default: '',
    about: 'Cipher suites by their standard names; empty: those of Node.',
  },
  'millrace.tls.reload.interval.ms': {
    type: 'int',
    default: '10000',
    check: atLeast(10),
    about:
      'How often PEM files are looked at: new connections get what is in them, and a broken file leaves the old certificate in place.',
  },

  // SASL.
  'sasl.enabled.mechanisms': {
    type: 'list',
    default: 'SCRAM-SHA-256,SCRAM-SHA-512',
    check: listOf('PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'),
    about: 'How users log in where a listener speaks SASL.',
    differs: { kafkaDefault: 'GSSAPI', why: 'Kerberos does not exist here.' },
  },
  'sasl.jaas.config': {
    type: 'password',
    default: null,
    about:
      'Users of PLAIN beside those that are stored, as `listener.name.NAME.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_alice="her password";`. Without that prefix it is refused.',
  },
  'sasl.server.max.receive.size': {
    type: 'int',
    default: '524288',
    check: atLeast(64),
    about: 'A larger request of a client that has not logged in closes its connection.',
  },
  'connections.max.reauth.ms': {
    type: 'long',
    default: '0',
    check: atLeast(0),
    about:
      'A session ends after so long unless the client logs in again on the same connection (KIP-368); 0: never.',
  },
  'connection.failed.authentication.delay.ms': {
    type: 'int',
    default: '100',
    check: atLeast(0),
    about: 'How long a failed login waits for its answer.',
  },
  'millrace.login.timeout.ms': {
    type: 'int',
    default: '30000',
    check: atLeast(1),
    about: 'A connection that has not finished TLS and login by then is closed.',
  },
  'millrace.max.pending.logins': {
    type: 'int',
    default: '1000',
    check: atLeast(1),
    about:
      'Connections that are in the middle of TLS or login, of all listeners; for one more, the oldest of them is closed.',
  },
  'millrace.max.scram.credentials': {
    type: 'int',
    default: '20000',
    check: atLeast(0),
    about: 'Credentials of all users, one for each user and mechanism; no more are stored.',
  },
  'millrace.queued.max.login.bytes': {
    type: 'int',
    default: '8388608',
    check: atLeast(0),
    about:
      'Bytes of requests of all clients that have not logged in; they do not count in `queued.max.request.bytes`.',
  },
} as const satisfies Record<string, ActingRow>
