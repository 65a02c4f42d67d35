// Where a broker listens and a command connects when nobody says otherwise.

export const DEFAULT_HOST = '127.0.0.1'
export const DEFAULT_PORT = 9092
export const DEFAULT_BROKER = `${DEFAULT_HOST}:${DEFAULT_PORT}`
