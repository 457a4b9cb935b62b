// A picture made of pixels that belongs to a window of numbers, and stays in its place while that moves.

/** An image over a rectangle {x: [low, high], y: [low, high]}; its first row of pixels is the highest. */
export class Picture {
  constructor() {
    this.canvas = document.createElement("canvas");
    this.place = null;
  }

  /** Show an ImageData over a place. */
  show(image, place) {
    this.canvas.width = image.width;
    this.canvas.height = image.height;
    this.canvas.getContext("2d").putImageData(image, 0, 0);
    this.place = place;
  }

  /** Draw it where it belongs in the present window of a frame. */
  draw(pen, frame) {
    if (this.place === null) return;
    const [x0, x1] = this.place.x.map((x) => frame.x.pixel(x));
    const [y0, y1] = this.place.y.map((y) => frame.y.pixel(y));
    pen.image(this.canvas, x0, y1, x1 - x0, y0 - y1);
  }
}
