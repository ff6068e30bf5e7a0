// The peer: a plain Node server that does what the module does with a
// webhook.  It verifies the signature over the raw bytes in constant time,
// makes the same id, stores the same row with the same function, and answers
// after the commit.
'use strict';

const cluster = require('node:cluster');
const http = require('node:http');

const { PORT, SECRET, PROCESSES } = process.env;

if (cluster.isPrimary) {
    for (let i = 0; i < Number(PROCESSES || 1); i++) {
        cluster.fork();
    }

    process.on('SIGTERM', () => process.exit(0));
    return;
}

const { webhook } = require('./store');

const ANSWERS = {
    200: ['application/json', '{"received":true}'],
    401: ['application/problem+json', '{"title":"Unauthorized","status":401}'],
    503: ['application/problem+json', '{"title":"Unavailable","status":503}'],
};

function answer(res, status) {
    res.writeHead(status, { 'Content-Type': ANSWERS[status][0] });
    res.end(ANSWERS[status][1]);
}

http.createServer((req, res) => {
    const chunks = [];

    req.on('data', (chunk) => chunks.push(chunk));
    req.on('end', () => {
        webhook(Buffer.concat(chunks), req.headers['x-tavus-signature'],
            SECRET)
            .then((status) => answer(res, status))
            .catch((e) => {
                console.error(e.message);
                answer(res, 503);
            });
    });
}).listen(Number(PORT), '127.0.0.1');
