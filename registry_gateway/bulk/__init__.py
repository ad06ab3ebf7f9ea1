"""Many registrations at once: import from another registry, and export."""
