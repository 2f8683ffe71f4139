// @ts-check
// A picture from the camera: its button shows what the camera sees, and then takes the picture.

import { $, offscreen } from "./dom.js";
import { t } from "./texts.js";

/**
 * @param {(picture: Blob) => unknown} taken
 * @param {(error: Error) => void} failed
 */
export function cameraView(taken, failed) {
  const button = $("camera"), video = $("video", HTMLVideoElement);
  /** @type {MediaStream | null} */
  let stream = null;
  let asking = false; // the browser asks for permission

  const end = () => {
    for (const track of stream?.getTracks() ?? []) track.stop();
    stream = null;
    video.hidden = true;
    button.textContent = t("camera");
  };
  const take = async () => {
    const context = offscreen(video.videoWidth, video.videoHeight);
    context.drawImage(video, 0, 0);
    end();
    taken(await context.canvas.convertToBlob({ type: "image/png" }));
  };
  const begin = async () => {
    if (asking) return;
    asking = true;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
      video.srcObject = stream;
      video.hidden = false;
      button.textContent = t("shoot");
      await video.play();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      failed(new Error(t("no-camera", { reason })));
    } finally {
      asking = false;
    }
  };
  button.addEventListener("click", () => (stream ? take() : begin()));
  document.addEventListener("keydown", ({ key }) => {
    if (key === "Escape" && stream) end();
  });
}
