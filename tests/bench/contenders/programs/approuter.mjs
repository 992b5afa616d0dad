// SAP's approuter with routes to one destination; its getToken option hands it the token that goes with each call.
import { readFileSync } from 'node:fs'
import approuter from '@sap/approuter'
import { Tokens } from './tokens.mjs'

const told = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const tokens = new Tokens(told)

function getToken(_request, callback) {
  const held = tokens.held
  if (held) callback(null, held)
  else tokens.fetched().then((token) => callback(null, token), callback)
}

// The API's own Connection header would go to the caller, and say keep-alive on a connection that is about to close.
function connectionAsAsked({ incomingRequest, incomingResponse }, done) {
  if (incomingRequest.headers.connection === 'close') incomingResponse.setHeader('connection', 'close')
  done(null, incomingResponse)
}

const router = approuter()
router.first.use(function answered(request, _response, next) {
  request.afterRequestHandler = connectionAsAsked
  next()
})
router.cmdParser = false // the file says it all
router.start({
  port: told.port,
  xsappConfig: {
    authenticationMethod: 'none',
    compression: { enabled: false },
    routes: told.prefixes.map((prefix) => ({
      source: `^${prefix}/(.*)$`,
      target: '/$1',
      destination: 'api',
      csrfProtection: false
    }))
  },
  getToken
})
