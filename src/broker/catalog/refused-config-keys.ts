// Broker keys of Kafka that are refused when somebody sets them: each promises protection or storage
// that does not exist here, and a broker that took the key in silence would be taken at its word.
// They are still listed, with Kafka's default, for whoever describes the broker.

import type { InertGroup } from './config-key.ts'

export const refusedConfigKeys: readonly InertGroup[] = [
  {
    why: "Certificates and keys are PEM here, which have no store password, and Java's TLS providers cannot be loaded.",
    rows: [
      ['ssl.engine.factory.class', 'class', null],
      ['ssl.keymanager.algorithm', 'string', 'SunX509'],
      ['ssl.keystore.password', 'password', null],
      ['ssl.protocol', 'string', 'TLSv1.3'],
      ['ssl.provider', 'string', null],
      ['ssl.secure.random.implementation', 'string', null],
      ['ssl.trustmanager.algorithm', 'string', 'PKIX'],
      ['ssl.truststore.password', 'password', null],
      ['security.providers', 'string', null],
    ],
  },
  {
    why: 'Kerberos does not exist here: users log in by SCRAM, PLAIN or a certificate.',
    rows: [
      ['sasl.kerberos.kinit.cmd', 'string', '/usr/bin/kinit'],
      ['sasl.kerberos.min.time.before.relogin', 'long', '60000'],
      ['sasl.kerberos.principal.to.local.rules', 'list', 'DEFAULT'],
      ['sasl.kerberos.service.name', 'string', null],
      ['sasl.kerberos.ticket.renew.jitter', 'double', '0.05'],
      ['sasl.kerberos.ticket.renew.window.factor', 'double', '0.8'],
    ],
  },
  {
    why: 'Delegation tokens do not exist here: give each program a user of its own.',
    rows: [
      ['delegation.token.expiry.check.interval.ms', 'long', '3600000'],
      ['delegation.token.expiry.time.ms', 'long', '86400000'],
      ['delegation.token.max.lifetime.ms', 'long', '604800000'],
      ['delegation.token.secret.key', 'password', null],
    ],
  },
  {
    why: 'OAUTHBEARER does not exist here: users log in by SCRAM, PLAIN or a certificate.',
    rows: [
      ['sasl.oauthbearer.assertion.algorithm', 'string', 'RS256'],
      ['sasl.oauthbearer.assertion.claim.aud', 'string', null],
      ['sasl.oauthbearer.assertion.claim.exp.seconds', 'int', '300'],
      ['sasl.oauthbearer.assertion.claim.iss', 'string', null],
      ['sasl.oauthbearer.assertion.claim.jti.include', 'boolean', 'false'],
      ['sasl.oauthbearer.assertion.claim.nbf.seconds', 'int', '60'],
      ['sasl.oauthbearer.assertion.claim.sub', 'string', null],
      ['sasl.oauthbearer.assertion.file', 'string', null],
      ['sasl.oauthbearer.assertion.private.key.file', 'string', null],
      ['sasl.oauthbearer.assertion.private.key.passphrase', 'password', null],
      ['sasl.oauthbearer.assertion.template.file', 'string', null],
      ['sasl.oauthbearer.client.credentials.client.id', 'string', null],
      ['sasl.oauthbearer.client.credentials.client.secret', 'password', null],
      ['sasl.oauthbearer.clock.skew.seconds', 'int', '30'],
      ['sasl.oauthbearer.expected.audience', 'list', ''],
      ['sasl.oauthbearer.expected.issuer', 'string', null],
      ['sasl.oauthbearer.jwks.endpoint.refresh.ms', 'long', '3600000'],
      ['sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms', 'long', '10000'],
      ['sasl.oauthbearer.jwks.endpoint.retry.backoff.ms', 'long', '100'],
      ['sasl.oauthbearer.jwks.endpoint.url', 'string', null],
      [
        'sasl.oauthbearer.jwt.retriever.class',
        'class',
        'org.apache.kafka.common.security.oauthbearer.DefaultJwtRetriever',
      ],
      [
        'sasl.oauthbearer.jwt.validator.class',
        'class',
        'org.apache.kafka.common.security.oauthbearer.DefaultJwtValidator',
      ],
      ['sasl.oauthbearer.scope', 'string', null],
      ['sasl.oauthbearer.scope.claim.name', 'string', 'scope'],
      ['sasl.oauthbearer.sub.claim.name', 'string', 'sub'],
      ['sasl.oauthbearer.token.endpoint.url', 'string', null],
    ],
  },
  {
    why: 'Java classes that log in, or name who has, cannot be loaded into this broker.',
    rows: [
      [
        'principal.builder.class',
        'class',
        'org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder',
      ],
      ['sasl.client.callback.handler.class', 'class', null],
      ['sasl.login.callback.handler.class', 'class', null],
      ['sasl.login.class', 'class', null],
      ['sasl.login.connect.timeout.ms', 'int', null],
      ['sasl.login.read.timeout.ms', 'int', null],
      ['sasl.login.refresh.buffer.seconds', 'short', '300'],
      ['sasl.login.refresh.min.period.seconds', 'short', '60'],
      ['sasl.login.refresh.window.factor', 'double', '0.8'],
      ['sasl.login.refresh.window.jitter', 'double', '0.05'],
      ['sasl.login.retry.backoff.max.ms', 'long', '10000'],
      ['sasl.login.retry.backoff.ms', 'long', '100'],
      ['sasl.server.callback.handler.class', 'class', null],
    ],
  },
  {
    why: 'Java classes cannot be loaded into this broker, and a policy that is not enforced should not look as if it were.',
    rows: [
      ['alter.config.policy.class.name', 'class', null],
      ['client.quota.callback.class', 'class', null],
      ['config.providers', 'list', ''],
      ['create.topic.policy.class.name', 'class', null],
      ['replica.selector.class', 'string', null],
    ],
  },
  {
    why: 'Tiered storage does not exist here: the log is one folder on one disk.',
    rows: [
      ['remote.log.storage.manager.class.name', 'string', null],
      ['remote.log.storage.manager.class.path', 'string', null],
      ['remote.log.storage.system.enable', 'boolean', 'false'],
    ],
  },
]
