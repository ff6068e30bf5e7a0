(() => {
  'use strict';

  const $ = (id) => document.getElementById(id);
  const state = $('state'), face = $('face'), lines = $('lines'), end = $('end');
  let quiet;

  const over = (text) => {
    state.textContent = text;
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
      over('Ended: ' + said.ended.replace(/_/g, ' '));
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

  end.addEventListener('click', () => socket.send('end'));
  // the socket closes with the page; this only makes it sooner
  addEventListener('pagehide', () => socket.close());
})();
