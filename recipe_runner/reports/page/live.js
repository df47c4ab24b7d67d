// A page that is served asks for newer data, and says when it last had some.

const POLL_MILLISECONDS = 2000;

class Live {
  constructor(update) {
    this.update = update;
    this.chip = el("span", { class: "state running", role: "status" }, "● live");
    this.mark = null;
  }

  async follow() {
    for (;;) {
      await new Promise((done) => setTimeout(done, POLL_MILLISECONDS));
      if (document.hidden) continue;
      try {
        await this.ask();
        this.chip.className = "state running";
        show(this.chip, "● live");
      } catch {
        this.chip.className = "state failed";
        show(this.chip, "✗ not connected: recipe-run report has ended, or is busy");
      }
    }
  }

  async ask() {
    const answer = await fetch("data.json", { headers: this.mark ? { "If-None-Match": this.mark } : {}, cache: "no-store" });
    if (answer.status === 304) return;
    if (!answer.ok) throw new Error(String(answer.status));
    this.mark = answer.headers.get("ETag");
    this.update(await answer.json());
  }
}
