"""Leaves what was said to the background workers, and waits only where it matters; needs a registered schema."""

from memreg import Engine, Message

CHAT = (
    "Bo Chen lives in Bergen, bo@chen.io",
    "Bo Chen was born on 1984-11-30",
    "bo@chen.io is called Bo Erik Chen",
)


def main() -> None:
    """Submit a conversation, then read what its last message changed."""
    with Engine.connect() as engine:
        # Returns once the message is kept. One session is decided in this order; a full queue is waited for.
        ids = [engine.submit(Message(text, session="chat-1"), timeout=10) for text in CHAT]

        last = engine.wait(ids[-1])  # what it changed can be read from now on
        print(last.status, *(f"{decision.action} {decision.basis}" for decision in last.decisions))
        for memory in engine.search("chen"):
            print(memory.values)

        stats = engine.stats()
        print(f"{stats.completed} of {stats.submitted} decided, {stats.failed} failed, {stats.pending} pending")
    # Leaving the context waits until the queue is empty, for a while; what is left then waits for the next worker.


if __name__ == "__main__":
    main()
