// Starts the suite's own origin, on loopback and on a port that the system picks, and prints that port.
import http from 'node:http'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

const suite = process.argv[2]
const listen = http.Server.prototype.listen
http.Server.prototype.listen = function () {
  this.on('listening', () => console.log(`port ${this.address().port}`))
  return listen.call(this, 0, '127.0.0.1')
}
process.env.npm_config_protocol = 'http'
process.env.npm_config_port = '0'
process.env.npm_config_pidfile = '/dev/null'
await import(pathToFileURL(path.join(suite, 'server/server.mjs')))
