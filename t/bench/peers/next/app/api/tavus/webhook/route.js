// The peer that the seed was made of: a route handler of Next.js.

import store from '../../../../../store.js';

export const dynamic = 'force-dynamic';
export const runtime = 'nodejs';

export async function POST(request) {
    const body = Buffer.from(await request.arrayBuffer());

    try {
        const status = await store.webhook(body,
            request.headers.get('x-tavus-signature'), process.env.SECRET);

        return status === 200
            ? Response.json({ received: true })
            : Response.json({ title: 'Unauthorized', status }, { status });
    } catch (e) {
        console.error(e.message);
        return Response.json({ title: 'Unavailable', status: 503 },
            { status: 503 });
    }
}
