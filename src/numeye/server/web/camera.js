// A picture from the camera: the button shows what it sees, pressed again it takes the picture.

import { $, t, tell } from "./page.js";

export function camera(taken) {
  const button = $("camera"), video = $("video");
  let stream = null, asking = false;
  const end = () => {
    for (const track of stream?.getTracks() ?? []) track.stop();
    stream = null;
    video.hidden = true;
    button.textContent = t("camera");
  };
  button.addEventListener("click", async () => {
    if (stream) {
      const sheet = new OffscreenCanvas(video.videoWidth, video.videoHeight);
      sheet.getContext("2d").drawImage(video, 0, 0);
      end();
      return taken(await sheet.convertToBlob({ type: "image/png" }));
    }
    if (asking) return undefined; // pressed again while the browser asks for leave
    asking = true;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    } catch (error) {
      return tell(new Error(t("no-camera", { reason: error.message })));
    } finally {
      asking = false;
    }
    video.srcObject = stream;
    video.hidden = false;
    button.textContent = t("shoot");
    return video.play();
  });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape" && stream) end(); });
}
