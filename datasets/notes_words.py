"""What release notes say, in Chinese."""

from collections.abc import Mapping
from types import MappingProxyType

from yuelu.datasets.drift import NONE_BEFORE, ONLY_NEW, ONLY_OLD

CHINESE: Mapping[str, str] = MappingProxyType(
    {
        "The first version: {items} items.": "首个版本：{items} 个条目。",
        "{items} items. Since {old}:": "{items} 个条目。与 {old} 相比：",
        "- items added: {count}": "- 新增条目：{count}",
        "- items removed: {count}": "- 移除条目：{count}",
        "- items changed: {count}": "- 变更条目：{count}",
        "- labels changed: {count}": "- 标签变更：{count}",
        "- regions moved: {count}": "- 区域移动：{count}",
        "- regions moved: {count}; mean overlap (IoU) {mean:.2f}": "- 区域移动：{count}；平均重叠（IoU）{mean:.2f}",
        "- regions added: {count}": "- 新增区域：{count}",
        "- regions removed: {count}": "- 移除区域：{count}",
        "- items that changed their split: {count}": "- 更换划分的条目：{count}",
        "Labels changed": "标签变更",
        "what": "对象",
        "was": "原为",
        "is": "现为",
        "times": "次数",
        "Who adjudicated": "裁定人",
        "pseudonym": "化名",
        "items settled": "裁定条目数",
        "Classes": "类别",
        "Drift of classes": "类别漂移",
        "control": "控件",
        "class": "类别",
        "labels": "标签数",
        "before": "之前",
        "now": "现在",
        "part of the PSI": "对 PSI 的贡献",
        "{control}: PSI {psi:.4f}.": "{control}：PSI {psi:.4f}。",
        "{control}: no PSI, for a class has no share in one of the two.": "{control}：无 PSI，某一类别在其中一版占比为零。",
        ONLY_NEW: "仅新版本有",
        ONLY_OLD: "仅旧版本有",
        NONE_BEFORE: "旧版本没有此类标签",
        "Gates": "质量门",
        "policy": "策略",
        "of what": "对象",
        "how they ended": "结果",
        "batches": "批次",
        "tasks": "任务",
        "Waivers": "豁免",
        "batch": "批次",
        "decision": "决定",
        "rule": "规则",
        "who waived it": "豁免人",
        "why": "原因",
        "and {count} more": "另有 {count} 行",
    }
)
