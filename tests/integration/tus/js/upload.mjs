// Uploads a file as a web page would: `node upload.mjs HOW URL KEY FILE`. Prints what it heard, as one line of JSON.
import { readFileSync } from "node:fs";
import { Upload } from "tus-js-client";

const [how, url, key, file] = process.argv.slice(2);
const bytes = readFileSync(file);
const metadata = { filename: "yard.mp4", filetype: "video/mp4", title: "Straße", request: '{"analyzer": "signals"}' };

function upload(options) {
  return new Promise((resolve, reject) => {
    const events = [];
    const going = new Upload(bytes, {
      endpoint: `${url}/v1/uploads`,
      headers: { Authorization: `Bearer ${key}` },
      metadata,
      retryDelays: [0, 100, 500, 1000, 2000, 4000],
      onAfterResponse: (request, answer) => events.push(`${request.getMethod()} ${answer.getStatus()}`),
      onError: reject,
      onSuccess: ({ lastResponse }) =>
        resolve({ url: going.url, events, video: lastResponse.getHeader("Playhead-Video-Id"), job: lastResponse.getHeader("Playhead-Job-Id") }),
      onChunkComplete: (size, at) => options.stopAt && at >= options.stopAt && going.abort(options.forGood).then(() => resolve({ url: going.url, events })),
      ...options,
    });
    going.start();
  });
}

const ways = {
  whole: () => upload({ uploadDataDuringCreation: true }),
  async resumed() {
    const { url: uploadUrl } = await upload({ chunkSize: 4000, stopAt: 4000 });
    return upload({ chunkSize: 4000, uploadUrl });
  },
  "side by side": () => upload({ parallelUploads: 3, chunkSize: 3000 }),
  "given up": () => upload({ chunkSize: 4000, stopAt: 4000, forGood: true }),
};
console.log(JSON.stringify(await ways[how]()));
