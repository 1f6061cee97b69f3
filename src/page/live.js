// Puts the parts of the page that the server tells in their places. Each is HTML whose texts the server has escaped.
"use strict";

const state = document.getElementById("state");
const source = new EventSource("changes");

source.onopen = () => {
  state.textContent = "live";
};

source.onmessage = (message) => {
  for (const [id, part] of Object.entries(JSON.parse(message.data))) {
    if (id === "title") {
      document.title = part;
    } else {
      replace(document.getElementById(id), part);
    }
  }
};

source.onerror = () => {
  state.textContent =
    source.readyState === EventSource.CLOSED
      ? "no longer let in: open the address that the program printed"
      : "connection lost, trying again";
};

// What a person scrolled to, or stands on by the keyboard, stays.
function replace(element, part) {
  const places = [...element.querySelectorAll(".scrolls")].map((region) => region.scrollLeft);
  const focused = [...element.querySelectorAll(".scrolls")].indexOf(document.activeElement);
  element.innerHTML = part;
  element.querySelectorAll(".scrolls").forEach((region, nth) => {
    region.scrollLeft = places[nth] ?? 0;
    if (nth === focused) {
      region.focus({ preventScroll: true });
    }
  });
}
