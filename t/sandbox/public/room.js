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

  // A private room: the token comes from the page around this one, and is
  // said in the socket, so that it is in no address.
  const door = document.body.dataset.status === 'door';

  const enter = (token) => {
    const url = new URL(location.pathname + '/socket' + location.search,
      location.href);
    url.protocol = 'ws:';
    const socket = new WebSocket(url);

    socket.onopen = () => {
      if (door) {
        socket.send(token);
      }
      state.textContent = 'Connected';
    };

    listen(socket);
  };

  const knock = () => {
    const asked = (event) => {
      if (event.source === parent && typeof event.data?.token === 'string') {
        removeEventListener('message', asked);
        enter(event.data.token);
      }
    };

    addEventListener('message', asked);
    state.textContent = 'You are not allowed to join this meeting';
    if (parent !== window) parent.postMessage({ room: 'door' }, '*');
  };

  const listen = (socket) => {
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
  };

  if (door) {
    knock();
  } else {
    enter();
  }
})();
