"""The definitions of the measurement hold what they say: `python -m unittest` in this folder."""

import unittest

import numpy as np

import bank
from pictures import Matcher, cell
from stories import Story
from text import miscased, named, phrase_faults, repeats, sentences, shape_faults
from world import CHARACTERS, FILLERS, ROOT, Bank, words

BANK = Bank(ROOT / "src/data/cards/bank.txt")


def told(*texts: str) -> Story:
    return Story(["text", "image"] * len(texts), list(texts), [None] * len(texts))


def faults(*texts: str) -> set[str]:
    found = phrase_faults(told(*texts), BANK, {s: True for s in sentences(told(*texts))})
    return {name for name, is_so in found.items() if is_so}


class LargeWorld(unittest.TestCase):
    def test_a_sentence_ends_at_its_sign_and_the_quotation_mark_after_it(self):
        text = 'Tom sat. "Who is it?" asked Ann. "Me!" Then Tom laughed... "Come in!"'
        expected = ["Tom sat.", '"Who is it?" asked Ann.', '"Me!"', "Then Tom laughed...", '"Come in!"']
        self.assertEqual(bank.sentences(text), expected)

    def test_words_are_small_and_keep_their_apostrophe_within(self):
        self.assertEqual(bank.words('"Don\'t!" said the T-rex\'s friend.'), ["don't", "said", "the", "t", "rex's", "friend"])
        self.assertEqual(bank.words("The cats' day, 3 o'clock."), ["the", "cats", "day", "o'clock"])


class Text(unittest.TestCase):
    def test_a_run_of_words_twice_in_a_row_is_a_repeat(self):
        for line, expected in {
            "the fox the fox": True,
            "a very very old fox": True,
            "round and round": False,
            "one yawn two yawns": False,
        }.items():
            self.assertEqual(repeats(line.split()), expected, line)

    def test_each_fault_is_called_by_its_name(self):
        self.assertEqual(faults("The fox, the fox."), {"duplicated phrase"})
        self.assertEqual(faults("The fox.", "The fox."), {"duplicated sentence"})
        self.assertEqual(faults("The foxwl."), {"unknown word"})
        self.assertEqual(faults("the fox."), {"misplaced capital"})
        self.assertEqual(faults("The Fox."), {"misplaced capital"})
        self.assertEqual(faults("The fox.."), {"misplaced punctuation"})
        self.assertEqual(faults("The fox ."), {"misplaced punctuation"})
        self.assertEqual(faults("The fox."), set())

    def test_a_sentence_of_the_bank_is_no_fault_though_the_parser_fails(self):
        sentence = "On a rainy day a shy fox waves at you in the snow."
        for text, expected in ((sentence, False), (sentence.replace("a shy", "an shy"), True)):
            found = phrase_faults(told(text), BANK, {text: False})
            self.assertEqual(found["sentence does not parse"], expected, text)

    def test_a_name_of_the_bank_keeps_its_capital(self):
        self.assertFalse(miscased("The fox names it Bob.", BANK))

    def test_beats_are_counted_against_the_prompt(self):
        def found(story, n_beats):
            return {k for k, v in shape_faults(story, n_beats).items() if v}

        self.assertEqual(found(told("The fox."), 1), set())
        self.assertEqual(found(told("The fox."), 2), {"fewer beats than asked for"})
        self.assertEqual(found(told("The fox. The fox."), 1), {"more beats than asked for"})
        self.assertEqual(found(told("The fox"), 1), {"no final punctuation"})
        self.assertEqual(found(Story(["text"], ["The fox."], []), 1) & {"no picture"}, {"no picture"})
        self.assertIn("empty", found(Story([], [], []), 1))

    def test_a_synonym_in_the_prompt_stands_for_the_word_of_the_story(self):
        labels = {"character": "black-cat", "place": "sea", "sky": "day", "adjective": "shy", "prop": None, "friend": None}
        labels["mentioned"] = {"character": True, "place": True, "sky": False, "adjective": False, "prop": False, "friend": False}
        found = named(told("On a rainy day a shy cat sits on the sea."), labels)
        self.assertTrue(found["character"] and found["place"] and found["character in the first sentence"])
        self.assertIsNone(found["sky"])
        self.assertFalse(named(told("A caterpillar."), labels)["character"])


class BankOfSentences(unittest.TestCase):
    def test_one_word_off_is_no_sentence_of_the_bank(self):
        self.assertTrue(BANK.readings("On a rainy day a shy owl waves at you in the snow."))
        self.assertFalse(BANK.readings("On a rainy day a shy owl waves at at you in the snow."))

    def test_fillers_are_words_of_the_vocabulary(self):
        for filler in sum(FILLERS.values(), []):
            self.assertLessEqual({w.lower() for w in words(filler)}, BANK.vocabulary)


class Sprites(unittest.TestCase):
    def test_every_character_is_found_on_a_plain_ground(self):
        matcher = Matcher()
        for name in CHARACTERS:
            for i, (template, mask) in enumerate(matcher.templates[name]):
                picture = np.full((64, 64, 3), (120, 160, 90), np.float32)
                middle = (32, 17)[i]
                height, width = mask.shape
                top, left = 59 - height, middle - width // 2
                place = picture[top : top + height, left : left + width]
                place += (template - place) * mask[..., None]
                self.assertEqual(matcher.name(picture[None]), [name])

    def test_the_atlas_has_every_character(self):
        for name in CHARACTERS:
            self.assertGreater(cell(name)[..., 3].max(), 200)


if __name__ == "__main__":
    unittest.main()
