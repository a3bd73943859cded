// One session's socket: hello first, events once, resume with back-off.

import { languageTag } from './i18n.js';
import { token } from './dom.js';

const page = token();
let events = 0;
const waits = [250, 500, 1000, 2000, 4000, 8000];

/** Keeps a session's socket; `on` gets each frame, `status` "open", "lost" or "gone". */
export class SessionSocket {
  constructor(session, { on, status }) {
    this.session = session;
    this.on = on;
    this.status = status;
    this.lastSeq = 0;
    this.pending = new Map();
    this.tries = 0;
    this.closed = false;
    this.shown = true;
    this.online = () => this.retryNow();
    addEventListener('online', this.online);
    this.connect();
  }

  connect() {
    if (this.closed) return;
    const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
    const ws = new WebSocket(`${scheme}://${location.host}/api/session/${encodeURIComponent(this.session)}/socket`);
    this.ws = ws;
    let opened = false;
    ws.onopen = () => {
      opened = true;
      ws.send(JSON.stringify({ t: 'hello', lastSeq: this.lastSeq, language: languageTag() }));
      if (!this.shown) ws.send(JSON.stringify({ t: 'visible', shown: false }));
      // An event that was sent before the socket was lost may have arrived: its eventId makes sure that it counts once.
      for (const frame of this.pending.values()) ws.send(JSON.stringify(frame));
    };
    ws.onmessage = (message) => {
      if (this.ws !== ws || this.closed) return;
      let frame;
      try {
        frame = JSON.parse(message.data);
      } catch {
        return ws.close();
      }
      if (this.tries || !this.live) {
        this.tries = 0;
        this.live = true;
        this.status('open');
      }
      this.take(frame);
    };
    ws.onclose = (event) => {
      if (this.ws !== ws || this.closed) return;
      this.live = false;
      this.tries += 1;
      if (event.code === 4001 || event.code === 4004) return this.status('gone', event.code);
      this.status('lost', { opened, tries: this.tries });
      const wait = waits[Math.min(this.tries - 1, waits.length - 1)];
      this.timer = setTimeout(() => this.connect(), wait * (0.75 + Math.random() / 2));
    };
  }

  take(frame) {
    if (frame.t === 'ack') this.pending.delete(frame.eventId);
    if (frame.t === 'patch') {
      if (frame.seq <= this.lastSeq) return;
      if (frame.base !== this.lastSeq) return this.resync();
    }
    if (frame.t === 'full' || frame.t === 'patch') {
      let fits = true;
      try {
        fits = this.on(frame) !== false;
      } catch (error) {
        console.error(error);
        fits = false;
      }
      if (fits) this.lastSeq = frame.seq;
      else if (frame.t === 'patch') this.resync();
      return;
    }
    this.on(frame);
  }

  // A patch that does not fit: the whole view is asked for, on a fresh socket.
  resync() {
    this.lastSeq = 0;
    this.reopen();
  }

  reopen() {
    clearTimeout(this.timer);
    const old = this.ws;
    this.ws = null;
    old?.close();
    this.connect();
  }

  retryNow() {
    if (!this.live && !this.closed) this.reopen();
  }

  send(frame) {
    if (this.ws?.readyState === WebSocket.OPEN) this.ws.send(JSON.stringify(frame));
  }

  /** Sends what must arrive exactly once; gives its id. */
  event(frame) {
    const eventId = `${page}-${(events += 1)}`;
    const whole = { ...frame, eventId };
    if (this.pending.size < 256) this.pending.set(eventId, whole);
    this.send(whole);
    return eventId;
  }

  visible(shown) {
    this.shown = shown;
    this.send({ t: 'visible', shown });
  }

  end() {
    this.closed = true;
    clearTimeout(this.timer);
    removeEventListener('online', this.online);
    this.pending.clear();
    this.ws?.close();
    this.ws = null;
    this.on = () => {};
    this.status = () => {};
  }
}
