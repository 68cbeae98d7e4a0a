export * from 'ts-mls'
