// The compression codecs of record batches, by the names that Kafka's configuration uses.

export type Codec = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'
