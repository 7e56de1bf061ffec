"""Why stretches of a window that is done have no answer."""

from core.errors import BadReply, BudgetSpent, PromptTooLarge

UNANSWERED = frozenset({BadReply.code, PromptTooLarge.code, BudgetSpent.code})
"""Reasons of gaps that are the question's, not the decoder's: another question about the same frames has none of them, and the same
question, asked again, may have none.
"""
