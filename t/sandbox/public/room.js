(() => {
  'use strict';

  const $ = (id) => document.getElementById(id);
  const state = $('state'), face = $('face'), lines = $('lines'), end = $('end');
  let quiet, left = false;

  // the page around this one hears of it
  const over = (text, why) => {
    state.textContent = text;
    if (parent !== window) parent.postMessage({ room: 'ended', why }, '*');
    document.body.dataset.status = 'ended';
    face.classList.remove('talking');
    end.disabled = true;
  };

  if (document.body.dataset.status === 'ended') {
    over('This conversation has ended.');
    return;
  }

  const url = new URL(location.pathname + '/socket' + location.search,
    location.href);
  url.protocol = 'ws:';
  const socket = new WebSocket(url);

  socket.onopen = () => { state.textContent = 'Connected'; };

  socket.onmessage = (message) => {
    const said = JSON.parse(message.data);

    if (said.ended) {
      over('Ended: ' + said.ended.replace(/_/g, ' '),
        left ? 'left' : said.ended);
      return;
    }

    const li = document.createElement('li');
    li.className = said.role;
    li.textContent = said.content;
    lines.append(li);
    lines.scrollTop = lines.scrollHeight;

    clearTimeout(quiet);
    face.classList.toggle('talking', said.role === 'assistant');
    quiet = setTimeout(() => face.classList.remove('talking'), 1800);
  };

  socket.onclose = () => {
    if (!end.disabled) {
      over('Disconnected.');
    }
  };

  end.addEventListener('click', () => {
    left = true;
    socket.send('end');
  });
  // the socket closes with the page; this only makes it sooner
  addEventListener('pagehide', () => socket.close());
})();
