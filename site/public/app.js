(() => {
  'use strict';

  const $ = (id) => document.getElementById(id);
  const views = ['form', 'loading', 'problem', 'room'];

  let call = null;        // {id, token} of the conversation that is on
  let countdown = 0;

  const show = (view) => views.forEach((id) => { $(id).hidden = id !== view; });
  const tell = (text) => { $('status').textContent = text; };

  // ---- problems ----------------------------------------------------------

  const TITLES = {
    rate_limited: 'Too many requests',
    at_capacity: 'All lines are busy',
    service_unavailable: 'Video service temporarily unavailable',
    upstream_error: 'Video service temporarily unavailable',
    network: 'No connection'
  };

  function problem(p) {
    const wait = Math.min(Math.max(Math.ceil(Number(p.retry_after) || 0), 0), 3600);
    const title = TITLES[p.code]
      || (p.status === 429 && TITLES.rate_limited)
      || p.title || 'Unable to start video chat';

    $('problem-title').textContent = title;
    $('problem-detail').textContent = p.detail || 'Please try again in a moment.';
    $('problem-id').textContent = p.request_id ? 'Reference: ' + p.request_id : '';
    show('problem');
    tell(title + '. ' + $('problem-detail').textContent
      + (wait ? ' You can try again in ' + wait + ' seconds.' : ''));
    $('problem-title').focus();
    hold(wait);
  }

  // The button comes back when the server will listen again.
  function hold(seconds) {
    const until = Date.now() + seconds * 1000;

    clearInterval(countdown);
    const tick = () => {
      const left = Math.ceil((until - Date.now()) / 1000);
      $('again').disabled = left > 0;
      $('problem-wait').textContent = left > 0
        ? 'You can try again in ' + left + (left === 1 ? ' second.' : ' seconds.')
        : '';
      if (left <= 0) {
        clearInterval(countdown);
        if (seconds) {
          tell('You can try again now.');
        }
      }
    };
    tick();
    if (seconds) {
      countdown = setInterval(tick, 500);
    }
  }

  // ---- a conversation ----------------------------------------------------

  async function post(path, body) {
    let response;

    try {
      response = await fetch(path, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', Accept: 'application/json' },
        body: JSON.stringify(body),
        credentials: 'same-origin'
      });
    } catch {
      throw { code: 'network', detail: 'The server could not be reached.' };
    }

    let data = null;
    try {
      data = await response.json();
    } catch { /* an error without a body of ours */ }

    if (!response.ok) {
      throw {
        ...data,
        status: response.status,
        retry_after: response.headers.get('Retry-After') || data?.retry_after
      };
    }
    return data;
  }

  function roomUrl(text) {
    const url = new URL(text);
    const loopback = /^(127\.0\.0\.1|localhost|\[::1\])$/.test(url.hostname);

    if (url.protocol !== 'https:' && !(url.protocol === 'http:' && loopback)) {
      throw { detail: 'The answer of the video service was not understood.' };
    }
    $('sandbox').hidden = !loopback;
    return url;
  }

  async function start() {
    const vertical = new FormData($('form')).get('vertical');

    show('loading');
    tell('Preparing your room.');

    try {
      const data = await post('/api/tavus/create-conversation', { vertical });
      call = { id: data.conversation_id, token: data.end_token };
      open(roomUrl(data.conversation_url));
    } catch (error) {
      if (call) {
        end();
      }
      problem(error instanceof Error ? {} : error);
    }
  }

  function open(url) {
    const frame = document.createElement('iframe');

    frame.title = 'Conversation with the video agent';
    frame.allow = 'camera; microphone; fullscreen; display-capture; autoplay';
    frame.src = url.href;
    $('frame').replaceChildren(frame);
    $('frame').hidden = false;
    $('ended').hidden = $('new').hidden = true;
    $('end').hidden = false;
    show('room');
    tell('You are in the room.');
    frame.focus();
  }

  // A beacon, as the page may be on its way out.
  function end() {
    if (!call) {
      return;
    }

    const path = '/api/tavus/end-conversation';
    const body = { conversation_id: call.id, end_token: call.token };
    call = null;
    if (!navigator.sendBeacon?.(path, JSON.stringify(body))) {
      post(path, body).catch(() => {});
    }
  }

  function hangUp() {
    end();
    $('frame').replaceChildren();
    $('frame').hidden = true;
    $('sandbox').hidden = true;
    $('end').hidden = true;
    $('ended').hidden = $('new').hidden = false;
    tell('The conversation has ended.');
    $('new').focus();
  }

  $('form').addEventListener('submit', (event) => {
    event.preventDefault();
    start();
  });
  $('again').addEventListener('click', start);
  $('end').addEventListener('click', hangUp);
  $('new').addEventListener('click', () => {
    show('form');
    tell('');
    $('start').focus();
  });
  addEventListener('pagehide', end);
  // back from the page cache: that room is gone
  addEventListener('pageshow', (event) => {
    if (event.persisted && !$('room').hidden && !$('frame').hidden) {
      hangUp();
    }
  });
})();
