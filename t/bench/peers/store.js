// What the peers share: the checks and the rows of the module, done the way
// one does them in Node.
'use strict';

const crypto = require('node:crypto');

const { Pool } = require('pg');

const RECORD = 'SELECT tavus.record($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, '
               + '$11)';

// libpq's environment says where
const pool = new Pool({ max: 16 });

// UUIDv7: the event's milliseconds, then the head of SHA-256 over its identity
function eventId(ms, ...parts) {
    const digest = crypto.createHash('sha256').update(parts.join('\0'))
        .digest();
    const id = Buffer.alloc(16);

    id.writeUIntBE(ms, 0, 6);
    digest.copy(id, 6, 0, 10);
    id[6] = 0x70 | (id[6] & 0x0f);
    id[8] = 0x80 | (id[8] & 0x3f);

    return id.toString('hex');
}

// Returns when the event is committed.
async function record(e) {
    const result = await pool.query({
        name: 'record',
        text: RECORD,
        values: [
            [e.id], [new Date()], [null], [e.kind], [e.source], [e.type],
            [e.conversation], [e.nonce], [e.verification], [e.body], [null],
        ],
    });

    if (!'sdq'.includes(result.rows[0].record)) {
        throw new Error(result.rows[0].record);
    }
}

// HMAC-SHA256 over the raw bytes, compared in constant time
function verified(body, signature, secret) {
    if (!/^[0-9a-f]{64}$/.test(signature || '')) {
        return false;
    }

    const mac = crypto.createHmac('sha256', secret).update(body).digest();

    return crypto.timingSafeEqual(mac, Buffer.from(signature, 'hex'));
}

// A callback of Tavus, as bytes: HTTP status of the answer.
async function webhook(body, signature, secret) {
    if (!verified(body, signature, secret)) {
        return 401;
    }

    const event = JSON.parse(body);

    await record({
        id: eventId(Date.parse(event.timestamp), 'tavus',
            event.conversation_id, event.event_type, event.timestamp),
        kind: 0, source: 'tavus', type: event.event_type,
        conversation: event.conversation_id, nonce: null,
        verification: '{"method":"signature","key_id":"k1"}', body,
    });

    return 200;
}

module.exports = { eventId, record, webhook };
