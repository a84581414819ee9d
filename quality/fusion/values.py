"""Answers in words and numbers made one: the median number, the voted transcript, the joint ranking."""

from itertools import combinations, pairwise

import numpy as np
from scipy import stats

from yuelu.base.records import Number, Ranking, Text
from yuelu.quality.fusion.fused import Fused, Said
from yuelu.quality.preferences import bradley_terry
from yuelu.quality.speech.rover import rover
from yuelu.quality.speech.words import NORMALISER, words

_CJK_FROM = 0x2E80  # words of one character from here on are written without spaces


def fused_numbers(said: Said[Number], control: str = "") -> tuple[Fused, ...]:
    """Return the median of the numbers, with the 95 % interval of their median where six or more were given.

    A number is not right or wrong, so it has no probability. The interval is that of order statistics: no shape of the
    distribution is assumed. Source: W. Conover (1999), Practical Nonparametric Statistics, section 3.2.
    """
    values = sorted(each[0].value for each in said if each)
    if not values:
        return ()
    told = [("low", None), ("high", None), ("spread", float(np.subtract(*np.percentile(values, [75, 25]))))]
    cut = int(stats.binom.ppf(0.025, len(values), 0.5))
    if cut >= 1:
        told[:2] = [("low", values[cut - 1]), ("high", values[-cut])]
    return (Fused(Number(control, float(np.median(values))), len(values), len(said), None, tuple(told)),)


def fused_texts(said: Said[Text], control: str = "") -> tuple[Fused, ...]:
    """Return the transcript that ROVER votes for, in normalised words; its probability is the least of its words' shares."""
    given = [words(" ".join(each[0].texts)) for each in said if each]
    if not given:
        return ()
    voted = rover(given)
    told = (("normaliser", NORMALISER), ("words", tuple(zip(voted.words, voted.shares, strict=True))))
    share = min(voted.shares, default=1.0) * len(given) / len(said)
    return (Fused(Text(control, (joined(voted.words),)), len(given), len(said), share, told),)


def joined(spoken: tuple[str, ...]) -> str:
    """Return words as a text: no spaces where a character of Chinese or Japanese meets another."""
    text = spoken[0] if spoken else ""
    for before, word in pairwise(spoken):
        text += word if ord(before[-1]) >= _CJK_FROM and ord(word[0]) >= _CJK_FROM else f" {word}"
    return text


def fused_rankings(said: Said[Ranking], control: str = "") -> tuple[Fused, ...]:
    """Return one ranking by Bradley-Terry strengths of the pairs that the rankings imply, bucket by bucket.

    An item stands in the bucket that most put it in. Each item also wins and loses half a time against an imagined one, so that
    an item that everybody ranks first has a strength. The probability is that of the closest neighbours being in this order.
    """
    given = [dict(each[0].buckets) for each in said if each]
    if not given:
        return ()
    buckets = list(dict.fromkeys(name for each in given for name in each))
    homes: dict[str, list[str]] = {}
    for each in given:
        for name, items in each.items():
            for item in items:
                homes.setdefault(item, []).append(name)
    home = {item: max(buckets, key=lambda name: (names.count(name), -buckets.index(name))) for item, names in homes.items()}
    found, doubts = [], [1.0]
    for name in buckets:
        items, likely = _ranked(sorted(item for item in home if home[item] == name), [each.get(name, ()) for each in given])
        found.append((name, items))
        doubts += [likely]
    return (Fused(Ranking(control, tuple(found)), len(given), len(said), min(doubts)),)


def _ranked(items: list[str], orders: list[tuple[str, ...]]) -> tuple[tuple[str, ...], float]:
    code = {item: at for at, item in enumerate(items)}
    pairs = [(code[a], code[b]) for order in orders for a, b in combinations([i for i in order if i in code], 2)]
    if len(items) < 2 or not pairs:
        return tuple(items), 1.0
    winner, loser = np.asarray(pairs, np.int64).T
    strengths = bradley_terry(winner, loser, len(items), prior=0.5).log
    log = np.zeros(len(items)) if strengths is None else np.round(strengths, 9)
    order = sorted(range(len(items)), key=lambda at: (-log[at], items[at]))
    likely = min(float(1 / (1 + np.exp(log[b] - log[a]))) for a, b in pairwise(order))
    return tuple(items[at] for at in order), likely
