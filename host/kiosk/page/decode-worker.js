// Reads QR codes away from the page's thread. Frames come in, texts go out; nothing is kept.

importScripts('/assets/vendor/zxing-wasm/reader.js');

const { prepareZXingModule, readBarcodes } = self.ZXingWASM;
prepareZXingModule({ overrides: { locateFile: (path) => `/assets/vendor/zxing-wasm/${path}` } });

self.onmessage = async ({ data: { id, picture, thorough } }) => {
  const start = performance.now();
  try {
    const found = await readBarcodes(picture, {
      formats: thorough ? ['AllMatrix'] : ['QRCode'],
      tryHarder: true,
      tryRotate: true,
      tryInvert: thorough,
      tryDownscale: true,
      maxNumberOfSymbols: thorough ? 8 : 4,
    });
    const codes = found.filter((code) => code.isValid && code.text).map(({ text, position }) => ({ text, position }));
    self.postMessage({ id, codes, ms: performance.now() - start });
  } catch (error) {
    self.postMessage({ id, codes: [], ms: performance.now() - start, error: String(error?.message ?? error) });
  }
};
