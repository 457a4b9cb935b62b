"""Does softmax attention cross the boundary later, by a law in an effective context length?"""
