"""Events in the forms that players, editors and scripts take: pure, from events to text, one after the other."""
