// The camera: opens it, hands frames to the decoder, says what is wrong with it.

import { decodeFrame } from './decode.js';

const REASONS = { NotAllowedError: 'refused', SecurityError: 'refused', NotFoundError: 'absent', OverconstrainedError: 'absent', NotReadableError: 'busy', AbortError: 'busy' };

/** Whether the browser offers a camera on this connection. */
export const cameraPossible = () => isSecureContext && Boolean(navigator.mediaDevices?.getUserMedia);

/** "granted", "denied", "prompt"; "unknown" where the browser does not tell. */
export async function cameraPermission() {
  try {
    return (await navigator.permissions.query({ name: 'camera' })).state;
  } catch {
    return 'unknown';
  }
}

/**
 * Looks for codes until `stop()`. `on.code(code, ms)`, `on.dark(bool)`, `on.failed(reason, detail)`, `on.live()`, `on.frame(codes, size)`.
 */
export class Camera {
  constructor(video, on) {
    this.video = video;
    this.on = on;
    this.canvas = document.createElement('canvas');
    this.context = this.canvas.getContext('2d', { willReadFrequently: true });
    this.running = false;
  }

  async start() {
    if (this.running) return;
    if (!cameraPossible()) return this.on.failed('insecure');
    this.running = true;
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: false, video: { facingMode: { ideal: 'environment' }, width: { ideal: 1280 }, height: { ideal: 720 } } });
    } catch (error) {
      this.running = false;
      return this.on.failed(REASONS[error.name] ?? 'failed', error.message || error.name);
    }
    if (!this.running) return stream.getTracks().forEach((track) => track.stop());
    this.stream = stream;
    const [track] = stream.getVideoTracks();
    track.addEventListener('ended', () => {
      if (!this.running) return;
      this.stop();
      this.on.failed('absent');
    });
    this.video.srcObject = stream;
    await this.video.play().catch(() => {});
    if (!this.running) return;
    this.mirrored = track.getSettings?.().facingMode !== 'environment';
    this.on.live(this.mirrored);
    this.darkSince = 0;
    this.loop();
  }

  async loop() {
    while (this.running) {
      await this.nextFrame();
      if (!this.running) return;
      if (document.hidden || this.video.readyState < 2) continue;
      const { videoWidth, videoHeight } = this.video;
      if (!videoWidth) continue;
      const scale = Math.min(1, 960 / Math.max(videoWidth, videoHeight));
      const width = Math.round(videoWidth * scale);
      const height = Math.round(videoHeight * scale);
      if (this.canvas.width !== width) this.canvas.width = width;
      if (this.canvas.height !== height) this.canvas.height = height;
      this.context.drawImage(this.video, 0, 0, width, height);
      const picture = this.context.getImageData(0, 0, width, height);
      this.judgeLight(picture.data);
      const { codes, ms, error } = await decodeFrame(picture);
      if (!this.running) return;
      if (error && !codes.length) {
        this.stop();
        return this.on.failed('failed', error);
      }
      this.on.frame?.(codes, { width, height }, ms);
      if (codes.length) this.on.code(nearest(codes, width, height), ms);
    }
  }

  nextFrame() {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, 500);
      const done = () => {
        clearTimeout(timer);
        resolve();
      };
      // At most 20 looks a second: a still hand does not need more, and a small machine stays cool.
      setTimeout(() => (this.video.requestVideoFrameCallback ? this.video.requestVideoFrameCallback(done) : requestAnimationFrame(done)), 40);
    });
  }

  judgeLight(data) {
    let sum = 0;
    let n = 0;
    let most = 0;
    for (let at = 0; at < data.length; at += 4 * 97) {
      sum += data[at + 1];
      most = Math.max(most, data[at + 1]);
      n += 1;
    }
    const dark = sum / n < 22 && most < 90;
    const now = performance.now();
    if (!dark) this.darkSince = 0;
    else if (!this.darkSince) this.darkSince = now;
    const long = this.darkSince > 0 && now - this.darkSince > 1500;
    if (long !== this.wasDark) {
      this.wasDark = long;
      this.on.dark(long);
    }
  }

  stop() {
    this.running = false;
    this.wasDark = undefined;
    this.stream?.getTracks().forEach((track) => track.stop());
    this.stream = null;
    this.video.srcObject = null;
    this.canvas.width = 1;
    this.canvas.height = 1;
  }
}

function nearest(codes, width, height) {
  const far = ({ position }) => {
    if (!position) return 0;
    const x = (position.topLeft.x + position.bottomRight.x) / 2 - width / 2;
    const y = (position.topLeft.y + position.bottomRight.y) / 2 - height / 2;
    return x * x + y * y;
  };
  return codes.reduce((best, code) => (far(code) < far(best) ? code : best));
}
