// The peer: a plain Node server that does what the module does with a
// webhook.  It verifies the signature over the raw bytes in constant time,
// makes the same id, stores the same row with the same function, and answers
// after the commit.
'use strict';

const cluster = require('node:cluster');
const crypto = require('node:crypto');
const http = require('node:http');

const { Pool } = require('pg');

const { PORT, SECRET, PROCESSES } = process.env;

if (cluster.isPrimary) {
    for (let i = 0; i < Number(PROCESSES || 1); i++) {
        cluster.fork();
    }

    process.on('SIGTERM', () => process.exit(0));
    return;
}

const pool = new Pool({ max: 16 });

const text = 'SELECT tavus.record($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, '
             + '$11)';

// UUIDv7: the event's milliseconds, then the head of SHA-256 over its identity
function eventId(event, ms) {
    const digest = crypto.createHash('sha256')
        .update(`tavus\0${event.conversation_id}\0${event.event_type}\0`
                + event.timestamp)
        .digest();
    const id = Buffer.alloc(16);

    id.writeUIntBE(ms, 0, 6);
    digest.copy(id, 6, 0, 10);
    id[6] = 0x70 | (id[6] & 0x0f);
    id[8] = 0x80 | (id[8] & 0x3f);

    return id.toString('hex');
}

function verified(body, signature) {
    if (!/^[0-9a-f]{64}$/.test(signature || '')) {
        return false;
    }

    const mac = crypto.createHmac('sha256', SECRET).update(body).digest();

    return crypto.timingSafeEqual(mac, Buffer.from(signature, 'hex'));
}

async function webhook(body, req, res) {
    if (!verified(body, req.headers['x-tavus-signature'])) {
        res.writeHead(401, { 'Content-Type': 'application/problem+json' });
        res.end('{"title":"Unauthorized","status":401}');
        return;
    }

    const event = JSON.parse(body);

    const result = await pool.query({
        name: 'record',
        text,
        values: [
            [eventId(event, Date.parse(event.timestamp))], [new Date()],
            [null], [0], ['tavus'], [event.event_type],
            [event.conversation_id], [null],
            ['{"method":"signature","key_id":"k1"}'], [body], [null],
        ],
    });

    if (!'sdq'.includes(result.rows[0].record)) {
        throw new Error(result.rows[0].record);
    }

    res.writeHead(200, { 'Content-Type': 'application/json' });
    res.end('{"received":true}');
}

http.createServer((req, res) => {
    const chunks = [];

    req.on('data', (chunk) => chunks.push(chunk));
    req.on('end', () => {
        webhook(Buffer.concat(chunks), req, res).catch((e) => {
            console.error(e.message);
            res.writeHead(503, { 'Retry-After': '5' });
            res.end();
        });
    });
}).listen(Number(PORT), '127.0.0.1');
