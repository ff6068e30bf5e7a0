// The peer: a plain Node server that creates a conversation as the module
// does.  The intent is committed before Tavus is asked, what came of it
// before the visitor is answered.
'use strict';

const cluster = require('node:cluster');
const crypto = require('node:crypto');
const http = require('node:http');

const { PORT, UPSTREAM, API_KEY, PROCESSES } = process.env;

if (cluster.isPrimary) {
    for (let i = 0; i < Number(PROCESSES || 1); i++) {
        cluster.fork();
    }

    process.on('SIGTERM', () => process.exit(0));
    return;
}

const { Pool } = require('undici');

const { eventId, record } = require('./store');

const upstream = new Pool(UPSTREAM, { connections: 64, pipelining: 1 });

function server(type, nonce, conversation, data) {
    const now = Date.now();

    return record({
        id: eventId(now, 'server', type, nonce.toString('hex')), kind: 2,
        source: 'server', type, conversation, nonce, verification: null,
        body: Buffer.from(JSON.stringify({
            event_type: type, timestamp: new Date(now).toISOString(),
            nonce: nonce.toString('hex'), ...data })),
    });
}

async function create(body) {
    const { vertical } = JSON.parse(body);
    const nonce = crypto.randomBytes(16);

    await server('conversation.requested', nonce, null, { vertical });

    const answer = await upstream.request({
        method: 'POST', path: '/v2/conversations',
        headers: { 'Content-Type': 'application/json', 'x-api-key': API_KEY },
        body: JSON.stringify({
            persona_id: 'p0123456789ab', replica_id: 'r0123456789ab',
            conversation_name: `site-${vertical}-${nonce.toString('hex')}`,
            callback_url: 'https://example.com/api/tavus/webhook?t='
                          + crypto.createHmac('sha256', API_KEY).update(nonce)
                              .digest('hex'),
            properties: {
                max_call_duration: 600, participant_absent_timeout: 60,
                participant_left_timeout: 10,
            },
        }),
    });
    const made = await answer.body.json();

    await server('conversation.created', nonce, made.conversation_id,
        { vertical, conversation_url: made.conversation_url });

    return {
        conversation_id: made.conversation_id,
        conversation_url: made.conversation_url,
        end_token: crypto.createHmac('sha256', API_KEY)
            .update(made.conversation_id).digest('hex'),
    };
}

http.createServer((req, res) => {
    const chunks = [];

    req.on('data', (chunk) => chunks.push(chunk));
    req.on('end', () => {
        create(Buffer.concat(chunks)).then((made) => {
            res.writeHead(200, { 'Content-Type': 'application/json' });
            res.end(JSON.stringify(made));
        }).catch((e) => {
            console.error(e.message);
            res.writeHead(503, { 'Retry-After': '5' });
            res.end();
        });
    });
}).listen(Number(PORT), '127.0.0.1');
