"""Runs the published connector `airbyte-source-klaviyo`, unmodified but for its address."""

import os

from airbyte_cdk.sources.declarative.yaml_declarative_source import YamlDeclarativeSource
from source_klaviyo.run import run

parse = YamlDeclarativeSource._parse


@staticmethod
def parse_with_address(text):
    return parse(text.replace("https://a.klaviyo.com/", os.environ["COMPAT_URL"] + "/"))


YamlDeclarativeSource._parse = parse_with_address
run()
