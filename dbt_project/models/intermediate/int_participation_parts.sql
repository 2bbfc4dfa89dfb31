-- Counts of people and organizations at meetings, for each part of each breakdown and for the groups of the
-- observations, and which of them are too small to show (semantics.md, People).

{% set smallest_shown_people = 5 %}
{% set smallest_shown_mine_victims = 10 %}

with

participations as (
    select
        *,
        case when is_mine_victim then person_key end as mine_victim_key,
        case when gender = 'female' then 1 else 0 end as is_woman,
        case when gender <> 'unknown' then 1 else 0 end as is_gender_known
    from {{ ref('int_participations') }}
),

cells as (
    {% for breakdown, breakdown_value, mine_victim_key, organization_key in [
        ('total', "'all'", 'mine_victim_key', 'survivor_organization_key'),
        ('meeting', 'meeting_id', 'mine_victim_key', 'survivor_organization_key'),
        ('delegation_kind', 'delegation_kind', 'mine_victim_key', 'survivor_organization_key'),
        ('group', "concat(meeting_id, '|', delegation_kind)", 'mine_victim_key', 'survivor_organization_key'),
        ('kind', "'mine_victims'", 'mine_victim_key', 'null'),
        ('kind', "'survivor_organizations'", 'null', 'survivor_organization_key'),
    ] %}
    select
        reporting_year,
        '{{ breakdown }}' as breakdown,
        {{ breakdown_value }} as breakdown_value,
        {{ mine_victim_key }} as mine_victim_key,
        {{ organization_key }} as survivor_organization_key,
        is_woman,
        is_gender_known
    from participations
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

counts as (
    select
        reporting_year,
        breakdown,
        breakdown_value,
        count(distinct mine_victim_key) as mine_victim_count,
        count(distinct survivor_organization_key) as survivor_organization_count,
        sum(is_woman) as women_count,
        sum(is_gender_known) as gender_known_count
    from cells
    group by reporting_year, breakdown, breakdown_value
),

measured as (
    select
        reporting_year,
        'participant_count' as rule,
        breakdown,
        breakdown_value,
        mine_victim_count + survivor_organization_count as numerator,
        cast(null as bigint) as denominator,
        mine_victim_count between 1 and {{ smallest_shown_mine_victims - 1 }} as is_small,
        case when breakdown = 'kind' then survivor_organization_count else mine_victim_count end as size
    from counts
    where breakdown in ('total', 'meeting', 'kind', 'group')
    union all
    select
        reporting_year,
        'participant_share' as rule,
        breakdown,
        breakdown_value,
        women_count as numerator,
        gender_known_count as denominator,
        women_count between 1 and {{ smallest_shown_people - 1 }}
        or gender_known_count - women_count between 1 and {{ smallest_shown_people - 1 }} as is_small,
        gender_known_count as size
    from counts
    where breakdown in ('total', 'meeting', 'delegation_kind', 'group')
),

-- one hidden part alone could be had by subtraction, so the next smallest goes with it
ranked as (
    select
        *,
        sum(case when is_small then 1 else 0 end) over (
            partition by reporting_year, rule, breakdown
        ) as small_parts,
        row_number() over (
            partition by reporting_year, rule, breakdown
            order by case when not is_small and size >= 1 then 0 else 1 end, size, breakdown_value
        ) as place
    from measured
),

by_rule as (
    select
        *,
        breakdown <> 'total'
        and (is_small or (small_parts = 1 and place = 1 and size >= 1)) as is_hidden
    from ranked
),

-- Groups stand in a table, meetings by kinds of delegation, whose margins are published as parts: a group hidden
-- alone in its row or column could be had by subtraction. In 3.4 each hidden group is therefore hidden with three
-- others at the corners of a rectangle, so that what one has more another may have less. Mine victims (3.3) are
-- counted once over meetings, so that only a row adds up: there one other group of the meeting is enough, and
-- none is needed where the meeting itself is hidden.
gatherings as (
    select
        by_rule.reporting_year,
        by_rule.rule,
        by_rule.breakdown_value,
        by_rule.is_hidden,
        case when by_rule.is_hidden then 0 else 1 end as shown_groups,
        by_rule.size,
        places.meeting_id,
        places.delegation_kind
    from by_rule
    inner join (
        select distinct
            reporting_year,
            concat(meeting_id, '|', delegation_kind) as breakdown_value,
            meeting_id,
            delegation_kind
        from participations
    ) as places
        on
            by_rule.reporting_year = places.reporting_year
            and by_rule.breakdown_value = places.breakdown_value
    where by_rule.breakdown = 'group'
),

-- two groups of one meeting as the further side of a rectangle
sides as (
    select
        below.reporting_year,
        below.rule,
        below.meeting_id,
        below.delegation_kind,
        across.delegation_kind as kind_across,
        below.breakdown_value as group_below,
        across.breakdown_value as group_across,
        below.shown_groups + across.shown_groups as shown_groups,
        below.size + across.size as size
    from gatherings as below
    inner join gatherings as across
        on
            below.reporting_year = across.reporting_year
            and below.rule = across.rule
            and below.meeting_id = across.meeting_id
            and below.delegation_kind <> across.delegation_kind
    -- those beside and below may have one less and still be somebody
    where below.rule = 'participant_share' and below.size >= 2 and across.size >= 1
),

-- of each pair of kinds the two that would cost least: one of them may be of the meeting at which the hidden group is
further_sides as (
    select
        *,
        row_number() over (
            partition by reporting_year, rule, delegation_kind, kind_across
            order by shown_groups, size, group_below
        ) as place
    from sides
),

rectangles as (
    select
        hidden.reporting_year,
        hidden.rule,
        hidden.breakdown_value as hidden_group,
        beside.breakdown_value as group_beside,
        further_sides.group_below,
        further_sides.group_across,
        row_number() over (
            partition by hidden.reporting_year, hidden.rule, hidden.breakdown_value
            order by
                beside.shown_groups + further_sides.shown_groups,
                beside.size + further_sides.size,
                beside.breakdown_value,
                further_sides.group_below
        ) as place
    from gatherings as hidden
    inner join gatherings as beside
        on
            hidden.reporting_year = beside.reporting_year
            and hidden.rule = beside.rule
            and hidden.meeting_id = beside.meeting_id
            and hidden.delegation_kind <> beside.delegation_kind
    inner join further_sides
        on
            hidden.reporting_year = further_sides.reporting_year
            and hidden.rule = further_sides.rule
            and hidden.delegation_kind = further_sides.delegation_kind
            and beside.delegation_kind = further_sides.kind_across
            and hidden.meeting_id <> further_sides.meeting_id
    where
        hidden.rule = 'participant_share'
        and hidden.is_hidden
        and beside.size >= 2
        and further_sides.place <= 2
),

rows_that_add_up as (
    select
        gatherings.reporting_year,
        gatherings.rule,
        gatherings.meeting_id
    from gatherings
    inner join by_rule
        on
            gatherings.reporting_year = by_rule.reporting_year
            and gatherings.rule = by_rule.rule
            and gatherings.meeting_id = by_rule.breakdown_value
    where
        gatherings.rule = 'participant_count'
        and by_rule.breakdown = 'meeting'
        and not by_rule.is_hidden
    group by gatherings.reporting_year, gatherings.rule, gatherings.meeting_id
    -- two hidden groups, one of them with two or more, leave it open which has how many
    having
        sum(case when gatherings.is_hidden then 1 else 0 end) >= 1
        and (
            sum(case when gatherings.is_hidden then 1 else 0 end) = 1
            or sum(case when gatherings.is_hidden and gatherings.size >= 2 then 1 else 0 end) = 0
        )
),

neighbours as (
    select
        gatherings.*,
        row_number() over (
            partition by gatherings.reporting_year, gatherings.meeting_id
            order by gatherings.size, gatherings.breakdown_value
        ) as place
    from gatherings
    inner join rows_that_add_up
        on
            gatherings.reporting_year = rows_that_add_up.reporting_year
            and gatherings.rule = rows_that_add_up.rule
            and gatherings.meeting_id = rows_that_add_up.meeting_id
    where not gatherings.is_hidden and gatherings.size >= 2
),

-- where there is no such rectangle, no group of that year is shown; where there is no such neighbour, none of that
-- meeting
without_company as (
    select
        gatherings.reporting_year,
        gatherings.rule,
        gatherings.breakdown_value
    from gatherings
    inner join rows_that_add_up
        on
            gatherings.reporting_year = rows_that_add_up.reporting_year
            and gatherings.rule = rows_that_add_up.rule
            and gatherings.meeting_id = rows_that_add_up.meeting_id
    left join neighbours
        on
            gatherings.reporting_year = neighbours.reporting_year
            and gatherings.meeting_id = neighbours.meeting_id
    where neighbours.meeting_id is null
    union distinct
    select
        gatherings.reporting_year,
        gatherings.rule,
        gatherings.breakdown_value
    from gatherings
    inner join gatherings as alone
        on
            gatherings.reporting_year = alone.reporting_year
            and gatherings.rule = alone.rule
    left join rectangles
        on
            alone.reporting_year = rectangles.reporting_year
            and alone.rule = rectangles.rule
            and alone.breakdown_value = rectangles.hidden_group
    where alone.rule = 'participant_share' and alone.is_hidden and rectangles.hidden_group is null
),

company as (
    select
        reporting_year,
        rule,
        breakdown_value
    from without_company
    union distinct
    select
        reporting_year,
        rule,
        breakdown_value
    from neighbours
    where place = 1
    union distinct
    {% for corner in ['group_beside', 'group_below', 'group_across'] %}
    select
        reporting_year,
        rule,
        {{ corner }} as breakdown_value
    from rectangles
    where place = 1
    {{ 'union distinct' if not loop.last }}
    {% endfor %}
)

select
    by_rule.reporting_year,
    by_rule.rule,
    by_rule.breakdown,
    by_rule.breakdown_value,
    by_rule.numerator,
    by_rule.denominator,
    by_rule.is_hidden or company.breakdown_value is not null as is_suppressed
from by_rule
left join company
    on
        by_rule.breakdown = 'group'
        and by_rule.reporting_year = company.reporting_year
        and by_rule.rule = company.rule
        and by_rule.breakdown_value = company.breakdown_value
