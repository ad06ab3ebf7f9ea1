"""What commonly goes wrong, and what to do about it: pure rules, and the checks that collect the facts for them."""
