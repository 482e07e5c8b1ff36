# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""Proven bounds on how steep a neural network can be."""
